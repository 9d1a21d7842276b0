"""A certificate authority of the tests', made with the openssl command: 0.1 s for each certificate."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*words: str) -> None:
    """Run an openssl command.

    Raises:
        RuntimeError: it failed, with all it said.
    """
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(words)} failed:\n{done.stdout}{done.stderr}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """Signs certificates; keeps everything in one directory."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """What its clients and brokers trust."""
        return self.directory / "ca.pem"

    def begin(self) -> None:
        """Make the authority's own key and certificate: once."""
        made = ("-keyout", str(self.directory / "ca.key"), "-out", str(self.certificate))
        openssl("req", "-x509", *KEY, "-subj", "/CN=tests", "-days", "30", *made)

    def sign(self, name: str, *, host: str = "IP:127.0.0.1", days: int = 30) -> Path:
        """A new key and certificate in one file, as Kafka and librdkafka read them.

        Args:
            name: the file's, and the certificate's common name.
            host: the host it is for, as OpenSSL writes it.
            days: how long it is valid from now on; negative for one that is over.
        """
        key, request = self.directory / f"{name}.key", self.directory / f"{name}.csr"
        openssl("req", "-new", *KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={host}\n")
        signed = self.directory / f"{name}.crt"
        ca = ("-CA", str(self.certificate), "-CAkey", str(self.directory / "ca.key"), "-CAcreateserial")
        how = ("-days", str(days), "-extfile", str(extensions))
        openssl("x509", "-req", "-in", str(request), *ca, *how, "-out", str(signed))
        both = self.directory / f"{name}.pem"
        both.write_text(key.read_text() + signed.read_text())
        return both
