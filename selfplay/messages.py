"""What went wrong, for people and programs: one line of bounded length, whatever came in."""

LONGEST_SENTENCE = 300  # characters of a sentence
# errors that are raised with a sentence of their own
OURS = (
    ValueError,
    FloatingPointError,
    MemoryError,
)


def sentence(error: BaseException) -> str:
    """The error's message on one line; the kind of error too where it was not raised for a user to
    read."""
    text = " ".join(str(error).split())
    if not isinstance(error, OURS):
        text = f"{type(error).__name__}: {text}".removesuffix(": ")
    return one_line(
        text or ("not enough memory" if isinstance(error, MemoryError) else type(error).__name__)
    )


def one_line(text: str) -> str:
    cut = text if len(text) <= LONGEST_SENTENCE else text[: LONGEST_SENTENCE - 3] + "..."
    return "".join(character if character.isprintable() else "?" for character in cut)
