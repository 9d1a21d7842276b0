"""What the docs show of the journal's commands is what they print."""

import json
import re
from pathlib import Path

from tests.servers.serving import ROOT
from tests.unit.test_journal_commands import refused, run
from tests.unit.test_journaling import journaling

DOCUMENT = ROOT / "docs" / "how-an-event-travels.md"


def test_documented_objects_have_these_fields(tmp_path: Path) -> None:
    """What docs/how-an-event-travels.md shows is what is printed."""
    shown = re.search(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert shown is not None
    files, end = json.JSONDecoder().raw_decode(shown[1])
    letters = json.loads(shown[1][end:])
    refused(tmp_path, 1)
    with journaling(tmp_path) as held:
        for words, document, name in ((("ls",), files, "files"), (("dead", "ls"), letters, "dead_letters")):
            printed = json.loads(run(held, *words, "--json"))
            assert list(printed) == list(document)
            assert list(printed[name][0]) == list(document[name][0])
