"""The text of a Smart Game Format file: its encoding, and the nodes of its first game's main line.
What properties mean is known to `selfplay.faces.sgf`. Tokens and escapes are sgfmill's.

What real files do is taken as well: text around the game, a missing first `;` or last `)`, empty
nodes, lower case letters in names of properties (FF[3]). The time that reading takes grows with the
file's size, whatever stands in it.
"""

import codecs
import re

from sgfmill import sgf_grammar as grammar

Node = dict[str, list[bytes]]  # a property's name -> its values, as they stand between the brackets
GAME_START = re.compile(rb"\(\s*(?:(;)|[A-Z]{1,2}\s*\[)")  # a game, perhaps without its first `;`
ENCODING = re.compile(rb"CA\s{0,9}\[([^]]{0,40})\]")
# what files that say so may hold
WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "big5": "cp950",
}
# codecs that no file is written in; some are slow
NO_CHARACTERS = (
    "idna",
    "punycode",
    "unicode-escape",
    "raw-unicode-escape",
)


def main_line(data: bytes) -> tuple[list[Node], str]:
    """(nodes of the first game's main line; why it is not read to its end, "" if it is). ValueError
    if there is no game."""
    text = as_utf8(data)
    if (start := first_node(text)) is None:
        raise ValueError("no SGF data found")
    tokens, end = grammar.tokenise(start)
    nodes: list[Node] = []
    name = ""
    for kind, token in tokens:
        if token == b")" and kind == "D":  # the main line is over where its first variation is
            return nodes, ""
        if kind == "D":
            name = ""
            if token == b";":
                nodes.append({})
        elif kind == "I":
            name = token.decode()
        elif name:
            nodes[-1].setdefault(name, []).append(token)
    return nodes, what_is_wrong(start[end:].lstrip())


def what_is_wrong(tail: bytes) -> str:
    """Why a game's text cannot be read on from here: nothing, if only its last bracket is
    missing."""
    return (
        ""
        if not tail
        else "unexpected end of SGF data"
        if tail[:1] == b"["
        else "something that is no SGF data"
    )


def first_node(text: bytes) -> bytes | None:
    """The text from the first game on, with the `;` that it may lack; None if there is none."""
    if (found := GAME_START.search(text)) is None:
        return None
    return text[found.start() :] if found[1] else b"(;" + text[found.start() + 1 :]


def as_utf8(data: bytes) -> bytes:
    """The file in UTF-8, whatever it was in.

    Decoded as a whole, before any bracket is looked for: in GBK, Big5 and Shift-JIS the second byte
    of a character may be that of `]` or of a backslash.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace").encode()
    named = ENCODING.search(data)
    said = named[1].decode("latin-1").strip().lower() if named else "utf-8"
    for encoding in (said, WIDER.get(said, "utf-8"), "utf-8"):
        try:
            if codecs.lookup(encoding).name not in NO_CHARACTERS:
                return data.decode(encoding).encode()
        except (LookupError, ValueError):  # nothing that Python knows, or not what the file is in
            continue
    return data.decode("latin-1").encode()


def text(node: Node, name: str) -> str:
    """A property's first value as text, "" if it is missing."""
    return value_text(node[name][0]) if name in node else ""


def value_text(value: bytes) -> str:
    return grammar.simpletext_value(value).decode("utf-8", "replace").strip()


def escape(value: str) -> bytes:
    return grammar.escape_text(" ".join(value.split()).encode())


def write_nodes(nodes: list[Node]) -> bytes:
    tree = grammar.Coarse_game_tree()
    tree.sequence = nodes
    return grammar.serialise_game_tree(tree)
