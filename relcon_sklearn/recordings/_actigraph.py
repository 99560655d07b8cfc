"""ActiGraph: .gt3x."""

from __future__ import annotations

from ._activity2 import read_activity2
from ._by_actfast import read_by_actfast
from ._frame import NO_ZONE, File, Slow, build_frame
from ._header_text import read_number, read_offset


def read_actigraph(file: File):
    """Return the recording in a .gt3x file."""
    content = read_by_actfast(file)
    info, series = content["metadata"]["info"], content["timeseries"]
    rate = read_number(info.get("Sample Rate"))
    stamps, acceleration = (series["acceleration"][name] for name in ("datetime", "acceleration"))
    if len(stamps) == 0 and rate > 0:
        # actfast 1.3 leaves out the records that the GT9X Link writes.
        scale = read_number(info.get("Acceleration Scale"))
        stamps, acceleration = read_activity2(file, rate, scale)
    light = series.get("light", {"datetime": ()})
    zone = info.get("TimeZone", "")
    offset = read_offset(zone)
    return build_frame(
        file,
        stamps,
        acceleration,
        rate=rate,
        device=f"ActiGraph {info.get('Device Type', '')}".strip(),
        serial=info.get("Serial Number"),
        offset=offset,
        clock=NO_ZONE if offset is None else f"clock of the device: UTC offset {zone}",
        slow={"light": Slow(light["datetime"], light["light"])} if len(light["datetime"]) else None,
    )
