"""Opening stores for places: which connection, which credentials, one service object per connection."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from core.adhoc import meant_by
from core.capability_card import CapabilityCard, fingerprint
from core.capability_cards import CardBook
from core.engine.planning.route import Route
from core.errors import Code, HaulierError
from core.model import ADHOC_HUB, ADHOC_S3, Adhoc, Connection, JobSpec, Links, Place, SecretKeys, Tool
from core.stores.base import Remote
from core.stores.disk import DiskSource
from core.stores.hub import HubRepo, HubService
from core.stores.hub.names import MAIN
from core.stores.local import LocalFolder
from core.stores.s3 import S3Bucket, S3Service
from core.stores.s3.capability import seed_of, taught
from core.stores.web import WebService, WebSource

Store = LocalFolder | S3Bucket
"""What can be written as well as read."""
SourceStore = LocalFolder | S3Bucket | HubRepo | WebSource | DiskSource


class StoreBook:
    """`find` gives a saved connection by name (raises HaulierError), `keys` the secret of a reference,
    `stall_timeout` after how many silent seconds a connection counts as broken. `told` hears what people should
    know of a service."""

    def __init__(
        self,
        find: Callable[[str], Connection],
        keys: Callable[[str], SecretKeys],
        stall_timeout: float = 60.0,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._told = told
        self.cards: CardBook | None = None  # what is known of the services; without it nothing is kept
        self._find = find
        self.stall_timeout = stall_timeout
        self._keys = keys
        self._services: dict[Connection, S3Service] = {}
        self._hubs: dict[Connection, HubService] = {}
        self._web: WebService | None = None
        self._lock = threading.Lock()

    def connection(self, name: str, adhoc: Adhoc) -> Connection:
        if name not in (ADHOC_S3, ADHOC_HUB):
            return self._find(name)
        meant = meant_by(name, adhoc)
        if meant is None:
            raise HaulierError(
                Code.USAGE, f"what {name}:// means was not told to the engine", "name a connection"
            )
        return meant

    def service(self, name: str, adhoc: Adhoc) -> S3Service:
        """The service of a connection; the same object for the same settings."""
        connection = self.connection(name, adhoc)
        if connection.kind != "s3":
            raise HaulierError(Code.USAGE, f"{connection.name} is a Hub, and this needs an S3 service")
        with self._lock:
            service = self._services.get(connection)
            if service is None:
                service = self._services[connection] = S3Service(
                    connection, self._keys, self.stall_timeout, self._told
                )
                if (card := self._card(connection)) is not None:
                    service.abilities.seed(seed_of(card))
            return service

    def hub(self, name: str, adhoc: Adhoc) -> HubService:
        """The Hub of a connection; the same object for the same settings."""
        connection = self.connection(name, adhoc)
        if connection.kind != "hub":
            raise HaulierError(Code.USAGE, f"{connection.name} is an S3 service, and this needs a Hub")
        with self._lock:
            service = self._hubs.get(connection)
            if service is None:
                from core.stores.hub.opening import hub_service

                service = self._hubs[connection] = hub_service(
                    connection, self._keys, self.stall_timeout, self._told
                )
            return service

    def web(self) -> WebService:
        """What fetches from plain web servers."""
        with self._lock:
            if self._web is None:
                self._web = WebService(stall=self.stall_timeout)
            return self._web

    def another(self, connection: Connection) -> S3Service:
        """A service of its own, which shares nothing with the one that jobs use. The caller closes it."""
        return S3Service(connection, self._keys, self.stall_timeout)

    def forget_services(self) -> None:
        """Connections or keys changed: build services anew when they are asked for next."""
        self.keep_learnt()
        with self._lock:
            self._services.clear()
            self._hubs.clear()

    def forget_keys(self) -> None:
        """Keys were locked away: services in use look for theirs again at the next request but a few."""
        with self._lock:
            services, hubs = list(self._services.values()), list(self._hubs.values())
        for service in services:
            service.control.forget_credentials()
        for hub in hubs:
            hub.forget_token()

    # ------------------------------------------------------------ what is known of the services

    def card(self, place: Place, adhoc: Adhoc) -> CapabilityCard | None:
        """The capability card of a place's connection; None when there is none. Raises HaulierError."""
        if place.kind != "s3" or self.cards is None:
            return None
        return self._card(self.connection(place.connection, adhoc))

    def learn(self, name: str, adhoc: Adhoc, **facts: object) -> None:
        """Keep on the card what real work showed. Raises HaulierError."""
        if self.cards is not None:
            self.cards.learn(self.connection(name, adhoc), **facts)

    def keep_learnt(self) -> None:
        """What the services learnt in passing goes onto their cards."""
        if self.cards is None:
            return
        with self._lock:
            services = list(self._services.values())
        for service in services:
            if known := service.abilities.known():
                empty = CapabilityCard(made_for=fingerprint(service.connection))
                self.cards.add(service.connection, taught(empty, known))

    def _card(self, connection: Connection) -> CapabilityCard | None:
        return self.cards.get(connection) if self.cards is not None else None

    # ------------------------------------------------------------ stores

    def remotes(self, spec: JobSpec) -> list[tuple[Remote, ...]]:
        """For each pair of a job, the servers that it needs, but those of connections that are gone."""
        found: list[tuple[Remote, ...]] = []
        for pair in spec.pairs:
            stores = []
            for place in (pair.source, pair.target):
                if place.kind not in ("local", "disk"):
                    with suppress(HaulierError):
                        store = self.look(place, spec.adhoc)
                        many_hosts = isinstance(store, WebSource) and not store.host
                        if isinstance(store, Remote) and not many_hosts:
                            stores.append(store)
            found.append(tuple(stores))
        return found

    def all_tested(self, spec: JobSpec) -> bool:
        """Whether every connection of a job was found to work, some time. Of a URL's server nobody knows."""
        places = [place for pair in spec.pairs for place in (pair.source, pair.target)]
        if any(place.kind == "web" for place in places):
            return False
        names = {place.connection for place in places if place.connection}
        try:
            return all(self.connection(name, spec.adhoc).tested_at for name in names)
        except HaulierError:
            return False

    def source(
        self,
        route: Route,
        adhoc: Adhoc,
        links: Links = "skip",
        *,
        sized: bool = False,
        tool: Tool = "native",
    ) -> SourceStore:
        """`links`: what is done with symbolic links; one that is named itself as the source is followed.
        `sized`: its listing tells sizes, whatever that costs. `tool` "xet": a Hub's files come that way."""
        place = route.source
        if place.kind == "local":
            return LocalFolder(Path(route.source_root), "", "all" if route.single else links)
        if place.kind == "hub":
            return self.hub(place.connection, adhoc).repo(
                place.bucket, place.revision or MAIN, commit=route.commit, xet=tool == "xet"
            )
        return self.look(place, adhoc, sized=sized)

    def look(self, place: Place, adhoc: Adhoc, *, sized: bool = False) -> SourceStore:
        """The store of a place, for looking around; a local place is a folder."""
        match place.kind:
            case "local":
                return LocalFolder(Path(place.path))
            case "s3":
                return self.service(place.connection, adhoc).bucket(place.bucket)
            case "hub":
                return self.hub(place.connection, adhoc).repo(place.bucket, place.revision or MAIN)
            case "web" | "list":
                return self.web().source(place, sized=sized)
            case "disk":
                return DiskSource(Path(place.path))
        raise HaulierError(Code.USAGE, f"{place}: cannot be read from")

    def target(self, route: Route, adhoc: Adhoc, writer: str = "") -> Store:
        """`writer` names who writes there, the same after a restart and different from everybody else."""
        place = route.target
        if place.kind == "local":
            return LocalFolder(Path(route.target_root), writer)
        if place.kind != "s3":
            raise HaulierError(Code.USAGE, f"{place}: nothing can be written there")
        return self.service(place.connection, adhoc).bucket(place.bucket)
