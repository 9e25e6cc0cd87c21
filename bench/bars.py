"""A bar chart as SVG."""

from __future__ import annotations

from collections.abc import Mapping


def bars(title: str, rows: Mapping[str, tuple[float, str]]) -> str:
    """A bar for each name, as long as its value is large beside the largest, with a text behind it."""
    widest = max(value for value, _ in rows.values())
    lines = [
        f'<text x="150" y="{number * 30 + 20}" text-anchor="end">{name}</text>'
        f'<rect x="160" y="{number * 30 + 6}" width="{max(value, 0) / widest * 300:.0f}" height="20" fill="#326ce5"/>'
        f'<text x="{max(value, 0) / widest * 300 + 168:.0f}" y="{number * 30 + 20}">{text}</text>'
        for number, (name, (value, text)) in enumerate(rows.items())
    ]
    size = f'width="600" height="{len(rows) * 30 + 8}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">'
    return "\n".join([head, f"<title>{title}</title>", *lines, "</svg>", ""])
