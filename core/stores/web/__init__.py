"""Files of web servers: single URLs and lists of them, to read from.

Over HTTP a file may have no size before it is read, no digest, and an ETag that says nothing of its content;
servers may ignore ranges, redirect to anywhere, or answer with a login page. What is taken is checked against
what was asked for and what was seen before; what cannot be proven is said so by whoever has all of it.
"""

from core.stores.web.errors import WebFailed, WebMissing, WebRefused
from core.stores.web.lists import ListReader, read_list
from core.stores.web.service import WebService
from core.stores.web.source import WebSource

__all__ = ["ListReader", "WebFailed", "WebMissing", "WebRefused", "WebService", "WebSource", "read_list"]
