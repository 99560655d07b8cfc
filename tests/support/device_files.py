"""Small files in the layouts that makers of devices publish."""

import struct
import zipfile

import numpy as np

RATE = 100  # Hz, of all files
_SCALE_OF_256 = 0x09400000  # exponent and mantissa, as devices write them
_AXES = ((1, "X"), (2, "Y"), (3, "Z"))
_GENEACTIV_PER_PAGE = 300
_GENEACTIV_LINES = """Device Identity
Device Unique Serial Code:012345
Device Type:GENEActiv
Device Model:1.1
Device Firmware Version:Ver 1.0
Calibration Date:2024-01-01 00:00:00:000

Device Capabilities
Accelerometer Range:-8 to 8
Accelerometer Resolution:0.0039
Accelerometer Units:g
Light Meter Range:0 to 5000
Light Meter Resolution:5
Light Meter Units:lux
Temperature Sensor Range:0 to 70
Temperature Sensor Resolution:0.1
Temperature Sensor Units:deg. C

Configuration Info
Measurement Frequency:100 Hz
Measurement Period:168 Hours
Start Time:2024-03-05 22:00:00:000
Time Zone:GMT +01:00

Trial Info
Study Centre:
Study Code:
Investigator ID:
Exercise Type:
Config Operator ID:
Config Time:2024-03-05 21:00:00:000
Config Notes:
Extract Operator ID:
Extract Time:2024-03-06 21:00:00:000
Extract Notes:

Subject Info
Device Location Code:left wrist
Subject Code:
Date of Birth:1900-1-1
Sex:
Height:
Weight:
Handedness Code:
Subject Notes:

Calibration Data
x gain:25600
x offset:0
y gain:25600
y offset:0
z gain:25600
z offset:0
Volts:300
Lux:800

Memory Status
Number of Pages:{pages}

"""


def motion(n_samples):
    """Return acceleration in g whose values all of the formats can represent."""
    rng = np.random.default_rng(0)
    return (np.array([0, 0, 256]) + rng.integers(-100, 100, (n_samples, 3))) / 256


def write_gt3x(path, g, seconds, record_type=26, tail=b"", damaged=(), **info):
    """Write a .gt3x file with one record of a second, of ``len(g) / len(seconds)`` samples, each.

    `record_type` is 26, or 0 for 12 bits a value. `damaged` has the numbers of records whose
    checksum is wrong.
    """
    pack = {0: _pack_12_bits, 26: lambda counts: counts.astype("<i2").tobytes()}[record_type]
    lines = {
        "Serial Number": "TAS1A00000001",
        "Device Type": "Link",
        "Sample Rate": RATE,
        "Start Date": "638452800000000000",
        "Stop Date": "0",
        "TimeZone": "-04:00:00",
        "Acceleration Scale": "256.0",
        **info,
    }
    records = [
        _gt3x_record(2, seconds[0], b"\x10\x10"),
        _gt3x_record(21, seconds[0], struct.pack("<HHIHHI", 0, 55, _SCALE_OF_256, 1, 10, RATE)),
    ]
    for i, (second, part) in enumerate(zip(seconds, np.split(g, len(seconds)), strict=True)):
        payload = pack(np.rint(part * 256).astype(int))
        records.append(_gt3x_record(record_type, second, payload, i in damaged))
    records.append(_gt3x_record(record_type, seconds[-1] + 1, b"\x00"))  # connected to a computer
    with zipfile.ZipFile(path, "w") as archive:
        text = "".join(f"{name}: {value}\n" for name, value in lines.items())
        archive.writestr("info.txt", text)
        archive.writestr("log.bin", b"".join(records) + tail)


def _pack_12_bits(counts):
    """Return big-endian values in the order y, x, z."""
    bits = (counts[:, [1, 0, 2]].reshape(-1, 1) >> np.arange(11, -1, -1)) & 1
    return np.packbits(bits).tobytes()


def _gt3x_record(type_, second, payload, damaged=False):
    record = struct.pack("<BBIH", 0x1E, type_, second, len(payload)) + payload
    checksum = ~np.bitwise_xor.reduce(np.frombuffer(record, np.uint8)) & 0xFF
    return record + bytes([checksum ^ damaged])


def write_cwa(path, g, starts, rate_code=0x4A, damaged=()):
    """Write a .cwa file of AX3 with blocks of 80 samples.

    `starts` are the times of the blocks, as numpy dates in whole hundredths of a second. `damaged`
    has the numbers of blocks whose checksum is wrong.
    """
    header = bytearray(b"MD" + struct.pack("<H", 1020)).ljust(1024, b"\xff")
    header[4] = 0  # AX3
    struct.pack_into("<H", header, 5, 1234)
    struct.pack_into("<I", header, 7, 0)
    struct.pack_into("<H", header, 11, 0xFFFF)
    header[36] = rate_code
    blocks = [
        _cwa_block(i, start, part, rate_code, i in damaged)
        for i, (start, part) in enumerate(zip(starts, np.split(g, len(starts)), strict=True))
    ]
    path.write_bytes(bytes(header) + b"".join(blocks))


def _cwa_block(number, start, g, rate_code, damaged):
    # The time is in whole seconds. The offset is that of the sample which has it.
    second = (start + np.timedelta64(999, "ms")).astype("M8[s]")
    offset = round((second - start) / np.timedelta64(10, "ms"))
    when = second.item()
    stamp = (when.year - 2000) << 26 | when.month << 22 | when.day << 17
    stamp |= when.hour << 12 | when.minute << 6 | when.second
    block = bytearray(512)
    struct.pack_into("<2sHHIII", block, 0, b"AX", 508, 0, 0, number, stamp)
    struct.pack_into("<HHBBBB", block, 18, 300, 256, 0, 200, rate_code, 0x32)
    struct.pack_into("<hH", block, 26, offset, len(g))
    block[30 : 30 + g.size * 2] = np.rint(g * 256).astype("<i2").tobytes()
    total = int(np.frombuffer(bytes(block), "<u2").sum(dtype=np.int64)) + damaged
    struct.pack_into("<H", block, 510, -total & 0xFFFF)
    return bytes(block)


def write_geneactiv(path, g, pages=None):
    """Write a .bin file of GENEActiv, whose header has the number `pages`, by default the right."""
    parts = np.split(np.rint(g * 256).astype(int), len(g) // _GENEACTIV_PER_PAGE)
    lines = _GENEACTIV_LINES.format(pages=len(parts) if pages is None else pages).splitlines()
    for i, part in enumerate(parts):
        samples = "".join(
            "".join(f"{value & 0xFFF:03X}" for value in row) + "000" for row in part.tolist()
        )
        lines += [
            "Recorded Data",
            "Device Unique Serial Code:012345",
            f"Sequence Number:{i}",
            f"Page Time:2024-03-05 22:{3 * i // 60:02d}:{3 * i % 60:02d}:000",
            "Unassigned:",
            "Temperature:25.5",
            "Battery voltage:4.1",
            "Device Status:Recording",
            "Measurement Frequency:100.0",
            samples,
        ]
    path.write_bytes("\r\n".join([*lines, ""]).encode())


def write_wav(path, g, unavailable=(), header=None, gyroscope=None):
    """Write a .wav file as OmGui does, at 8 g for 32768. `unavailable` samples are marked so.

    `gyroscope` is int16, of three axes.
    """
    if header is None:
        header = "Time: 2024-03-05 22:00:00.500\n"
        header += "".join(f"Channel-{i}: Accel-{a}\nScale-{i}: 8\n" for i, a in _AXES)
        if gyroscope is not None:
            header += "".join(f"Channel-{i + 3}: Gyro-{a}\nScale-{i + 3}: 2000\n" for i, a in _AXES)
    text = b"ICMT" + struct.pack("<I", len(header)) + header.encode()
    artist = b"Id: 4321\nDevice: CWA\n\0"
    text = b"INFO" + b"IART" + struct.pack("<I", len(artist)) + artist + text
    n_sensors = 3 if gyroscope is None else 6
    samples = np.zeros((len(g), n_sensors + 1), dtype="<i2")
    samples[:, :3] = np.rint(g * 4096)
    if gyroscope is not None:
        samples[:, 3:6] = gyroscope
    samples[list(unavailable), -1] = -0x8000
    data, width = samples.tobytes(), samples.itemsize * samples.shape[1]
    form = struct.pack("<HHIIHH", 1, samples.shape[1], RATE, RATE * width, width, 16)
    body = b"WAVE"
    for name, content in ((b"fmt ", form), (b"LIST", text), (b"data", data)):
        body += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def write_actilife(path, g, rate):
    """Write raw CSV as ActiLife does in some countries: dates with points, decimal commas."""
    lines = [
        "------------ Data File Created By ActiGraph GT3X+ ActiLife v6.13.3 Firmware v1.7.2 "
        f"date format d.M.yyyy at {rate} Hz  Filter Normal -----------",
        "Serial Number: TAS1A00000001",
        "Start Time 18:40:00",
        "Start Date 17.9.2024",
        "Epoch Period (hh:mm:ss) 00:00:00",
        "Download Time 19:20:05",
        "Download Date 17.9.2024",
        "Current Memory Address: 0",
        "Current Battery Voltage: 4.18     Mode = 12",
        50 * "-",
        "Accelerometer X;Accelerometer Y;Accelerometer Z",
    ]
    lines += [";".join(f"{value:g}".replace(".", ",") for value in row) for row in np.round(g, 3)]
    path.write_text("\r\n".join([*lines, ""]), newline="")
