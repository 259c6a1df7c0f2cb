"""Metadata that says where an asset's code stands. Source: Dagster's ``CodeReferencesMetadataValue``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from jobkernel.errors import InvalidMetadata
from jobkernel.model.metadata_values import MetadataValue
from jobkernel.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFileCodeReference:
    """A line of a file."""

    file_path: str
    line_number: int | None = None
    label: str | None = None

    @property
    def source(self) -> str:
        """The file, and the line where it is known."""
        return f"{self.file_path}:{self.line_number}" if self.line_number else self.file_path


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlCodeReference:
    """An address, for example in a source control's web pages."""

    url: str
    label: str | None = None

    @property
    def source(self) -> str:
        """The address."""
        return self.url


class CodeReferencesMetadataValue(MetadataValue[Any]):
    """Where the code of an asset stands."""

    __slots__ = ("code_references",)
    kind: ClassVar[str] = "code_references"
    code_references: Sequence[LocalFileCodeReference | UrlCodeReference]

    def __init__(self, code_references: Sequence[LocalFileCodeReference | UrlCodeReference]) -> None:
        for reference in code_references:
            if not isinstance(reference, LocalFileCodeReference | UrlCodeReference):
                raise InvalidMetadata(f"{reference!r} is no code reference.")
        self._set(code_references=code_references)

    @property
    def value(self) -> Any:
        """Itself."""
        return self
