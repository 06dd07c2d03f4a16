"""Values from outside as part of a message: on one line and not long, whatever came in."""


def shown(value: object, most: int = 120) -> str:
    """A value in at most `most` letters and a word of how many there were. A text stands for
    itself."""
    try:
        text = value if isinstance(value, str) else repr(value)
    # a number of many digits, a list in itself, an object that cannot show itself
    except Exception:
        text = f"a {type(value).__name__}"
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= most else f"{text[:most]}{rest_of(text)}"


def quoted(value: object, most: int = 120) -> str:
    """As `shown`, and a text stands in quotation marks."""
    if not isinstance(value, str):
        return shown(value, most)
    return repr(value) if len(value) <= most else f"{value[:most]!r}{rest_of(value)}"


def rest_of(text: str) -> str:
    """The end of a text that was cut."""
    return f"... ({len(text):,} letters)"
