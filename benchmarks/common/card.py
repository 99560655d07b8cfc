"""Cards of models: a text for the file of the weights, and pages of the site made of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.common.report import with_generated


class TablePage(NamedTuple):
    """A page of tables: its title, what it answers, and the body of each section by its title."""

    title: str
    question: str
    sections: Mapping[str, str]


class Card(NamedTuple):
    """The card of models.

    Attributes
    ----------
    title : str
        The names of the models.
    summary : str
        What the models are for, how good they are, and which claims do not hold.
    use : str
        Code that uses a model. It is in the text only: the page has longer code, written by hand.
    limits : str
        What to know before a model is used.
    pages : mapping of str to TablePage
        The tables, by the name of their page.
    origin : mapping of str to str
        The sections about training and licence, by their titles.
    """

    title: str
    summary: str
    use: str
    limits: str
    pages: Mapping[str, TablePage]
    origin: Mapping[str, str]

    @property
    def text(self) -> str:
        """All parts as one text in Markdown."""
        tables = [_sections(page.sections) for page in self.pages.values()]
        return "\n\n".join(
            [
                f"# {self.title}",
                self.summary,
                self.use,
                _sections({"Limits": self.limits}),
                *tables,
                _sections(self.origin),
            ]
        )

    def rendered(self, page: Path, command: str) -> dict[Path, str]:
        """Return the text of each page by its path.

        `page` is the short one, whose text by hand stays. The tables lie in a folder beside it.

        Raises SystemExit if a line of the short page is missing after which a part goes.
        """
        text = page.read_text()
        parts = {
            "summary": self.summary,
            "limits": self.limits,
            "origin": _sections(self.origin),
        }
        for name, body in parts.items():
            text = with_generated(text, page, mark(name, command), body)
        tables = {
            page.with_suffix("") / f"{name}.md": "\n\n".join(
                [
                    f"# {found.title}",
                    found.question,
                    _sections(found.sections),
                    f"Written by `{command}`.\n",
                ]
            )
            for name, found in self.pages.items()
        }
        return {page: text, **tables}


def mark(part: str, command: str) -> str:
    """Return the line of a page after which a part of the card goes."""
    return f"<!-- {part}: written by {command} -->"


def _sections(bodies: Mapping[str, str]) -> str:
    return "\n\n".join(f"## {title}\n\n{body}" for title, body in bodies.items() if body)
