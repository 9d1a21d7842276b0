"""Text that others wrote, as a log or a terminal may show it."""


def printable(text: str) -> str:
    """The text with what isn't printable escaped: a line feed would begin another line, and a terminal obeys the rest."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
