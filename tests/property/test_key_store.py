"""The key store against a model: whatever was done, it holds what the model says, on disk too."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from jukihost.keys import SoftwareCustody, UnknownKey, WeakKey
from jukihost.keys.custody import KeyExists
from jukihost.keys.diversification import derive_card_keys
from jukihost.keys.envelope import ScryptCost, StoreDamaged
from jukihost.keys.software import check_master

SYSTEMS = st.sampled_from(["COUNTER", "SUSPEND", "MOVE_IN"])
VERSIONS = st.integers(1, 4)
CARD = bytes(8), b"\xf0\x00\x00\x00\x01"


def _usable(key: bytes) -> bool:
    try:
        check_master("MA-AES128", key)
    except WeakKey:
        return False
    return True


KEYS = st.binary(min_size=16, max_size=16).filter(_usable)


class KeyStoreMachine(RuleBasedStateMachine):
    """Two programs with the same store, and a dictionary that knows what is in it.

    Imported keys are known to the model; of drawn ones it knows that they are there (None).
    """

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "keys.json"
        self.model: dict[tuple[str, int], bytes | None] = {}

    @initialize()
    def make(self) -> None:
        self.stores = [self._store(), self._store()]
        self.stores[0].create()
        self.stores[1].open()

    def _store(self) -> SoftwareCustody:
        return SoftwareCustody(self.path, lambda: "correct horse", cost=ScryptCost(1 << 10))

    def _versions(self, system: str) -> list[int]:
        return [version for name, version in self.model if name == system]

    @rule(who=st.integers(0, 1), system=SYSTEMS)
    def generate(self, who: int, system: str) -> None:
        if self._versions(system):
            with pytest.raises(KeyExists):
                self.stores[who].generate(system)
            return
        assert self.stores[who].generate(system).version == 1
        self.model[system, 1] = None

    @rule(who=st.integers(0, 1), system=SYSTEMS, version=VERSIONS, key=KEYS)
    def import_key(self, who: int, system: str, version: int, key: bytes) -> None:
        if (system, version) in self.model:
            with pytest.raises(KeyExists):
                self.stores[who].import_key(system, version, key)
        elif key in self.model.values():
            with pytest.raises(WeakKey):
                self.stores[who].import_key(system, version, key)
        else:
            self.stores[who].import_key(system, version, key)
            self.model[system, version] = key

    @rule(who=st.integers(0, 1), system=SYSTEMS)
    def rotate(self, who: int, system: str) -> None:
        versions = self._versions(system)
        if not versions:
            with pytest.raises(UnknownKey):
                self.stores[who].rotate(system)
            return
        assert self.stores[who].rotate(system).version == max(versions) + 1
        self.model[system, max(versions) + 1] = None

    @rule(who=st.integers(0, 1), system=SYSTEMS, version=VERSIONS)
    def delete(self, who: int, system: str, version: int) -> None:
        if (system, version) not in self.model:
            with pytest.raises(UnknownKey):
                self.stores[who].delete(system, version)
            return
        self.stores[who].delete(system, version)
        del self.model[system, version]

    @rule(who=st.integers(0, 1))
    def restart(self, who: int) -> None:
        self.stores[who].close()
        self.stores[who] = self._store()
        self.stores[who].open()

    @rule(who=st.integers(0, 1), data=st.data())
    def damage(self, who: int, data: st.DataObject) -> None:
        """A cut file is refused by whoever comes next, and stays as it is until it is put back."""
        good = self.path.read_bytes()
        cut = good[: data.draw(st.integers(0, len(good) - 1))]
        self.path.write_bytes(cut)
        with pytest.raises(StoreDamaged):
            self.stores[who].rotate("COUNTER")
        with pytest.raises(StoreDamaged):
            self._store().open()
        assert self.path.read_bytes() == cut
        self.path.write_bytes(good)

    @invariant()
    def holds_what_the_model_says(self) -> None:
        for store in getattr(self, "stores", ()):
            store.refresh()
            found = [(info.system, info.version) for info in store.inventory()]
            assert found == sorted(self.model)
            for (system, version), key in self.model.items():
                keys = store.derive_card_keys(system, *CARD, version)
                if key is not None:
                    assert keys == derive_card_keys("MA-AES128", key, *CARD, version)
            files = {entry.name: entry.stat() for entry in self.path.parent.iterdir()}
            assert files.keys() == {"keys.json", ".keys.json.lock"}, "nothing half-written is left"
            assert {entry.st_mode & 0o777 for entry in files.values()} == {0o600}

    def teardown(self) -> None:
        self.folder.cleanup()


TestKeyStore = KeyStoreMachine.TestCase
TestKeyStore.settings = settings(stateful_step_count=20)
