"""Rows 16 to 18: damaged files, nothing but damaged files, an older copy of the volume."""
import os
import shutil
import subprocess
import sys

import harness


def mutate(context, bench, volume, every, restore_every):
    result = subprocess.run([context.program("mutation"), str(volume), str(every), str(restore_every),
                             *bench.settings], capture_output=True, text=True, check=False)
    context.check(result.returncode == 0, f"damage of {volume.name}: {result.stdout}{result.stderr}")
    _, damaged, _, restored = result.stdout.split()
    return int(damaged), int(restored)


def prepared(context, bench, name, steps):
    volume = bench.volume(name)
    told = bench.run(volume, steps, settings=("keep_last=2", "keep_best=0"))
    context.check(told.code == 0, f"the volume is good: {told}")
    return volume


def row_16(context):
    with harness.scratch(harness.memory()) as folder:
        small = harness.Bench(context, folder / "small", optimizer="sgd")
        volume = prepared(context, small, "small", 3)
        damaged, restored = mutate(context, small, volume, context.amount(3, 1), context.amount(97, 11))
        context.count("damages of a small checkpoint, all detected", damaged)
        context.count("restores of the checkpoint before", restored)
        # What would not be noticed: damage that the hashes agree with. A file that is another whole one is that.
        files = sorted((volume / "checkpoints").glob("*.spck"))
        before = small.run(volume, 0).at[0]
        shutil.copyfile(files[-2], files[-1])
        context.control("a file replaced by an older whole one is not 'damaged'",
                        small.run(volume, 0).at[0] != before)
        large = harness.Bench(context, folder / "large", 7000)
        volume = prepared(context, large, "large", 2)
        size = max(p.stat().st_size for p in (volume / "checkpoints").glob("*.spck"))
        context.check(size > 12 << 20, f"a checkpoint of some 14 MB has {size} bytes")
        sampled(context, large, volume, context.amount(30, 400))


def sampled(context, bench, volume, number):
    """Random places of a large file."""
    file = sorted((volume / "checkpoints").glob("*.spck"))[-1]
    content = file.read_bytes()
    spotctl = context.program("spotctl", "examples/spotctl")
    for case in range(number):
        place, bit = context.random.randrange(len(content)), 1 << context.random.randrange(8)
        if case % 3 == 2:
            os.truncate(file, place)
        else:
            with open(file, "r+b") as opened:
                opened.seek(place)
                opened.write(bytes([content[place] ^ bit]))
        code = subprocess.run([spotctl, "verify", str(file)], capture_output=True, check=False).returncode
        context.check(code == 65, f"byte {place} of {len(content)}, case {case}: exit code {code}")
        if case % 3 == 2:
            file.write_bytes(content)
        else:
            with open(file, "r+b") as opened:
                opened.seek(place)
                opened.write(content[place:place + 1])
        context.count("damages of a 14 MB checkpoint, all detected")
    os.truncate(file, len(content) // 2)
    context.check(bench.run(volume, 0).at[0] == 1, "and the checkpoint before is resumed")


def row_17(context):
    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        for way in ("empty", "cut", "flipped", "zero"):
            volume = prepared(context, bench, way, 6)
            for file in (volume / "checkpoints").glob("*.spck"):
                content = bytearray(file.read_bytes())
                content[len(content) // 2] ^= 1
                file.write_bytes({"empty": b"", "cut": bytes(content[:999]), "zero": bytes(len(content)),
                                  "flipped": bytes(content)}[way])
            before = {name: value for name, value in harness.contents(volume).items() if ".spck" in name}
            for attempt in range(4):
                told = bench.run(volume, 8)
                context.check(told.code == 65 and told.last("error")[0] == "SPOT_E_CORRUPT",
                              f"all {way}, attempt {attempt}: a typed error: {told}")
                after = {name: value for name, value in harness.contents(volume).items() if ".spck" in name}
                context.check(after == before, f"all {way}, attempt {attempt}: no checkpoint is touched")
                context.count("refusals to start over")
        volume = prepared(context, bench, "control", 6)
        newest = sorted((volume / "checkpoints").glob("*.spck"))[-1]
        newest.write_bytes(b"")
        context.control("with one whole file left it is no error", bench.run(volume, 8).code == 0)
        result = subprocess.run([sys.executable, f"{os.path.dirname(__file__)}/bad_input.py"], capture_output=True,
                                text=True, check=False, env={**os.environ, "SPOTCTL": context.program(
                                    "spotctl", "examples/spotctl")})
        context.check(result.returncode == 0, f"bad_input: {result.stdout[-800:]}")
        context.count("checks of bad input of every kind", int(result.stdout.split()[-5]))


def row_18(context):
    """The volume comes back as it was some saves ago: it goes on from there, to the same bytes. Every third copy
    holds the checkpoints and nothing else, as somebody might copy them."""
    def only_checkpoints(_, names):
        return [name for name in names if name != "checkpoints" and not name.endswith(".spck")]

    with harness.scratch(harness.memory()) as folder:
        bench = harness.Bench(context, folder)
        for case in range(context.amount(10, 200)):
            volume, snapshot = bench.volume(f"volume-{case}"), bench.folder / f"snapshot-{case}"
            first = context.random.randint(1, 12)
            bench.run(volume, first)
            shutil.copytree(volume, snapshot, symlinks=True, ignore=only_checkpoints if case % 3 == 1 else None)
            told = bench.run(volume, first + context.random.randint(1, 12))
            context.check(told.code == 0, f"the newer life is good: {told}")
            bench.check_resume(bench.run(snapshot, 0), first, "the older copy")
            context.check(bench.run(snapshot, 0).at[0] == first, "the older copy stands where it was taken")
            bench.check_whole(snapshot, "the older copy", first)
            context.count("older copies that went on")
            if case == 0:
                shutil.rmtree(snapshot / "checkpoints")
                context.control("a copy without checkpoints starts over", bench.run(snapshot, 0).at[0] == 0)


ROWS = {
    "16": ("each byte flipped, each length truncated", row_16),
    "17": ("all checkpoints bad", row_17),
    "18": ("stale snapshot of the volume", row_18),
}
