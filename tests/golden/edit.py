"""A checkpoint's content as JSON and back, through flatc: to make the files that no library of ours would write."""
import json
import re
import subprocess


def to_json(schema, payload, folder):
    (folder / "payload.bin").write_bytes(payload)
    subprocess.run(["flatc", "--json", "--strict-json", "--size-prefixed", "-o", str(folder), str(schema), "--",
                    str(folder / "payload.bin")], check=True)
    return json.loads(re.sub(r"\bnan\b", "NaN", (folder / "payload.json").read_text()))


def to_payload(schema, content, folder):
    # flatc reads no JSON into more than 32-byte alignment; for readers the alignment is no promise.
    (folder / "unaligned.fbs").write_text(schema.read_text().replace("force_align: 64", "force_align: 32"))
    (folder / "content.json").write_text(re.sub(r"\bNaN\b", "nan", json.dumps(content)))
    subprocess.run(["flatc", "--binary", "--size-prefixed", "-o", str(folder),
                    str(folder / "unaligned.fbs"), str(folder / "content.json")], check=True)
    return (folder / "content.spck").read_bytes()
