"""XML as S3 servers send it, parsed without trusting it.

A document may be anything: an HTML page of a proxy, a cut answer, a bomb of entities. Document type
declarations (and with them every entity definition) are refused, depth and text are bounded, and whatever is
wrong with a document becomes one exception, `BadAnswer`.
"""

from __future__ import annotations

from xml.parsers import expat

MAX_DEPTH = 64
MAX_TEXT = 1 << 20  # characters in one element; keys are at most 1024 bytes, tokens a few KiB


class BadAnswer(Exception):
    """The document is not what an S3 server sends. The text says why and quotes nothing."""


def new_parser() -> expat.XMLParserType:
    """An expat parser that refuses document type declarations."""
    parser = expat.ParserCreate(namespace_separator=None)
    parser.buffer_text = True
    parser.buffer_size = 64 * 1024
    parser.StartDoctypeDeclHandler = refuse_doctype
    parser.EntityDeclHandler = refuse_entity
    parser.ExternalEntityRefHandler = refuse_external
    return parser


def refuse_doctype(name: str, system: str | None, public: str | None, internal: bool) -> None:  # noqa: ARG001
    raise BadAnswer("the answer declares a document type, which S3 never does")


def refuse_entity(*declaration: object) -> None:  # noqa: ARG001
    raise BadAnswer("the answer declares an entity, which S3 never does")


def refuse_external(*reference: object) -> int:  # noqa: ARG001
    raise BadAnswer("the answer refers to another document, which S3 never does")


def feed(parser: expat.XMLParserType, data: bytes | memoryview, *, final: bool) -> None:
    """Parse the next piece. Raises BadAnswer for whatever is not well-formed."""
    try:
        parser.Parse(bytes(data), final)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset}"
        raise BadAnswer(
            f"the answer is not well-formed XML ({expat.ErrorString(error.code)}, {where})"
        ) from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not know or cannot decode
        raise BadAnswer("the answer is in an unknown or broken encoding") from error


def leaf_texts(document: bytes | memoryview) -> tuple[str, dict[str, str]]:
    """The root's name and the text of every element without children, by its name; the first of a name wins.

    For small answers with one level: errors, CopyObjectResult, LocationConstraint. Raises BadAnswer.
    """
    names: list[str] = []
    texts: dict[str, str] = {}
    root = ""
    collected: list[str] = []

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal root
        if len(names) >= MAX_DEPTH:
            raise BadAnswer("the answer is nested too deeply")
        root = root or plain_name(name)
        names.append(plain_name(name))
        collected.clear()

    def text(data: str) -> None:
        if len(data) > MAX_TEXT or len(collected) > MAX_TEXT:
            raise BadAnswer("the answer holds a text that is too long")
        collected.append(data)

    def end(_name: str) -> None:
        texts.setdefault(names.pop(), "".join(collected).strip())
        collected.clear()

    parser = new_parser()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    feed(parser, document, final=True)
    return root, texts


def plain_name(name: str) -> str:
    """The element's name without a namespace prefix."""
    return name.rpartition(":")[2]
