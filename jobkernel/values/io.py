"""IO managers: the interface that people implement, and those that come with jobkernel.

``store_io_manager`` wraps the default store for code that wants an IO manager; the engine uses the store itself.
Source: Dagster's ``IOManager``, ``InMemoryIOManager``, ``FilesystemIOManager``.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from jobkernel.errors import MissingUpstream, Unsupported
from jobkernel.model.definitions import Resource
from jobkernel.model.metadata import MetadataValue
from jobkernel.values.addresses import Address, AssetAddress, OutputAddress
from jobkernel.values.contexts import InputContext, OutputContext, build_input_context, build_output_context
from jobkernel.values.files import open_files
from jobkernel.values.pickles import decode_pickle, encode_pickle, sealed
from jobkernel.values.signing import Signer
from jobkernel.values.store import Values

__all__ = [
    "FilesystemIOManager",
    "IOManager",
    "InMemoryIOManager",
    "InputContext",
    "OutputContext",
    "StoreIOManager",
    "UPathIOManager",
    "build_input_context",
    "build_output_context",
    "fs_io_manager",
    "mem_io_manager",
]


class IOManager(ABC):
    """Stores outputs and loads them as inputs; the base of one's own."""

    @abstractmethod
    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Store ``obj``, the value of the output that ``context`` describes."""

    @abstractmethod
    def load_input(self, context: InputContext) -> Any:
        """Return the value of the input that ``context`` describes."""


class InMemoryIOManager(IOManager):
    """Keeps the objects themselves, by run, step and output."""

    def __init__(self) -> None:
        self.values: dict[tuple[object, ...], object] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Keep the object."""
        self.values[tuple(context.get_identifier())] = obj

    def load_input(self, context: InputContext) -> Any:
        """Return the object, or raise KeyError."""
        return self.values[tuple(context.get_identifier())]


class StoreIOManager(IOManager):
    """The IO manager over a value store; the default one, and ``memory``."""

    def __init__(self, store: Values) -> None:
        self.store = store

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Store the value and say where it is."""
        stored = self.store.put(address_of(context), obj)
        if stored.path is not None:
            context.add_output_metadata({"path": MetadataValue.path(stored.path)})

    def load_input(self, context: InputContext) -> Any:
        """Return the value; of several partitions, a dict by partition."""
        if context.has_asset_key and context.has_asset_partitions and len(context.asset_partition_keys) != 1:
            key = context.asset_key.text
            return {each: self.store.get(AssetAddress(key, each)) for each in context.asset_partition_keys}
        return self.store.get(address_of(context))


def address_of(context: OutputContext | InputContext) -> Address:
    """Return the address of the value that a context describes."""
    if context.has_asset_key:
        partition = context.asset_partition_key if context.has_asset_partitions else None
        return AssetAddress(context.asset_key.text, partition)
    run_id, step_key, output, *mapping = context.get_identifier()
    return OutputAddress(run_id, step_key, f"{output}[{mapping[0]}]" if mapping else output)


class FilesystemIOManager(IOManager):
    """Pickles under ``base_dir``: assets at their key (and partition), outputs at run, step and output.

    The files are pickles that anybody may read; jobkernel itself reads only those that this user signed.
    """

    def __init__(self, base_dir: str | os.PathLike[str] | None = None, *, signer: Signer | None = None) -> None:
        self.base_dir = None if base_dir is None else os.fspath(base_dir)
        self._files = open_files(self.base_dir or os.path.join(".jobkernel", "files"))
        self._signer = signer or Signer()

    def create_io_manager(self, _context: Any = None) -> FilesystemIOManager:
        """Return itself."""
        return self

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Pickle the value in place of the last one, whole or not at all."""
        path = _path_of(context)
        label = address_of(context).label
        self._files.replace(path, sealed(encode_pickle(obj, self._signer, label)))
        context.add_output_metadata({"path": MetadataValue.path(self._files.location(path))})

    def load_input(self, context: InputContext) -> Any:
        """Return the value; of several partitions, a dict by partition."""
        if context.has_asset_key and context.has_asset_partitions and len(context.asset_partition_keys) != 1:
            return {each: self._load(_partition_path(context, each)) for each in context.asset_partition_keys}
        return self._load(_path_of(context))

    def _load(self, path: str) -> Any:
        place = self._files.location(path)
        try:
            data = self._files.read(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise MissingUpstream(f"There is no stored value at {place}; materialize it first.") from None
        return decode_pickle(data, self._signer, place)[1]


def _path_of(context: OutputContext | InputContext) -> str:
    if context.has_asset_key and context.has_asset_partitions:
        return _partition_path(context, context.asset_partition_key)
    return _joined(context.asset_key.path if context.has_asset_key else list(context.get_identifier()))


def _partition_path(context: OutputContext | InputContext, partition: str) -> str:
    return _joined([*context.asset_key.path, partition])


def _joined(parts: list[str]) -> str:
    escaped = [f"%2F{part[1:]}" if part.startswith("/") else part for part in parts]
    segments = [segment for part in escaped for segment in part.split("/")]
    return "/".join("%2E%2E" if segment == ".." else segment for segment in segments)


class UPathIOManager(IOManager):
    """Not supported; importable so that the sentence is read where it is used."""

    def __init_subclass__(cls, **options: Any) -> None:
        raise Unsupported(
            f"jobkernel has no UPathIOManager, so {cls.__name__} cannot be one; subclass IOManager, "
            "or ConfigurableIOManager, and write handle_output and load_input."
        )


def _memory(_context: Any) -> InMemoryIOManager:
    return InMemoryIOManager()


def _filesystem(context: Any) -> FilesystemIOManager:
    config: Mapping[str, Any] = getattr(context, "resource_config", None) or {}
    return FilesystemIOManager(base_dir=config.get("base_dir"))


mem_io_manager: Final = Resource(
    name="mem_io_manager", create=_memory, description="Keeps values in memory for the time of a run."
)
fs_io_manager: Final = Resource(
    name="fs_io_manager", create=_filesystem, description="Keeps values as pickles in files under base_dir."
)
