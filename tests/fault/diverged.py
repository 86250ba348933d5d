#!/usr/bin/env python3
"""Training that has failed, through the program: exit code 65, the last finite checkpoint as it was, a way on."""
import json
import subprocess

import harness
import spotctl

checks = spotctl.Checks()
QUICK = ["--dataset", "synthetic", "--model", "mlp", "--threads", 1, "--code-version", "none"]
SGD = ["--optimizer", "sgd"]
FATAL = ["--learning-rate", "1e6", "--allow-config-change", "true"]


def strict(text):
    """JSON as it is defined: without NaN and Infinity, which Python would read."""
    def refuse(word):
        raise ValueError(f"{word} is no JSON")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def files(volume):
    return {path.name: path.read_bytes() for path in (volume / "checkpoints").glob("ckpt-*")}


def newest(volume):
    return json.loads(spotctl.run([spotctl.SPOTCTL, "inspect", "--json", str(volume)]).out)


def verified(volume):
    return strict(spotctl.run([spotctl.SPOTCTL, "verify", "--json", str(volume)]).out)


with spotctl.scratch() as folder:
    # From nothing: no checkpoint, no model, one line that says what to do.
    fresh = spotctl.new_volume(folder, "fresh")
    result = spotctl.run(spotctl.command(fresh, *QUICK, *SGD, *FATAL, "--epochs", 1, "--json-step-seconds", 0))
    checks.check(result.code == 65, f"training that diverges ends 65: {result.code} {result.err[-300:]}")
    said = [line for line in result.err.splitlines() if "error: " in line]
    checks.check(len(said) == 1 and all(word in said[0] for word in (" of step ", "learning_rate", "warmup_steps", "on_nan")),
                 f"one line names the step and the remedy: {said}")
    events = strict(result.out)
    checks.check(events[-1]["event"] == "end" and events[-1]["reason"] == "error", f"the stream ends so: {events[-1]}")
    checks.check([e for e in events if e["event"] == "step"][-1]["loss"] is None, "a loss that is no number is null")
    checks.check(not files(fresh) and not any((fresh / "models").iterdir()), "neither checkpoint nor model is left")

    # After good steps: the last finite checkpoint is untouched and is gone on from with a lower rate.
    volume = spotctl.new_volume(folder, "volume")
    good = spotctl.run(spotctl.command(volume, *QUICK, *SGD, "--learning-rate", 0.05, "--steps", 40))
    checks.check(good.code == 0, f"a good start: {good.err[-300:]}")
    before = files(volume)
    for attempt in (1, 2):
        result = spotctl.run(spotctl.command(volume, *QUICK, *SGD, *FATAL, "--steps", 400, "--checkpoint-seconds", 0))
        checks.check(result.code == 65, f"attempt {attempt} ends 65, and does not loop: {result.code} {result.err[-300:]}")
        checks.check(result.last("start")["step"] == 40, f"attempt {attempt} goes on from step 40: {result.last('start')}")
        checks.check(files(volume) == before, f"attempt {attempt} leaves the checkpoints as they were")
    log = next((volume / "logs").glob("*.steps.csv")).read_text().splitlines()
    checks.check("nan" not in "".join(log) and "inf" not in "".join(log) and ",," in log[-1],
                 f"the CSV log has an empty cell for what is no number: {log[-1]}")
    result = spotctl.run(spotctl.command(volume, *QUICK, *SGD, "--learning-rate", 0.01, "--allow-config-change", "true",
                                         "--steps", 60))
    checks.check(result.code == 0 and result.last("start")["step"] == 40 and result.last("end")["step"] == 60,
                 f"a lower rate goes on from step 40 to the end: {result.code} {result.err[-300:]}")

    # Saves at every step: what is saved is finite at every moment, however far it got.
    volume = spotctl.new_volume(folder, "each")
    result = spotctl.run(spotctl.command(volume, *QUICK, *SGD, *FATAL, "--steps", 400, "--checkpoint-steps", 1,
                                         "--keep-last", 1000))
    checks.check(result.code == 65, f"with a save a step it ends 65: {result.code} {result.err[-300:]}")
    checks.check(files(volume) and all(file["error"] is None for file in verified(volume) if file["valid"]),
                 f"no state that was saved is without finite values: {verified(volume)[:2]}")

    # continue: said once, saved, done; and afterwards passed over, or refused when there is nothing better.
    volume = spotctl.new_volume(folder, "continue")
    result = spotctl.run(spotctl.command(volume, *QUICK, *SGD, *FATAL, "--on-nan", "continue", "--epochs", 1))
    checks.check(result.code == 0 and result.err.count("not finite") == 1, f"continue: {result.code} {result.err[-300:]}")
    checks.check(result.last("epoch")["test_loss"] is None and strict(result.out), "its numbers are null")
    checks.check(newest(volume)["history"][-1]["train_loss"] is None, "inspect shows null")
    checks.check([file["resume"] for file in verified(volume) if file["valid"]].count(True) == 0,
                 f"verify says that no run would go on from it: {verified(volume)[:2]}")
    before = files(volume)
    result = spotctl.run(spotctl.command(volume, *QUICK, *SGD, *FATAL, "--epochs", 2))
    checks.check(result.code == 65 and "on_nan" in result.err and next(iter(sorted(before)))[:5] in result.err,
                 f"a volume without a finite checkpoint is refused by the name of one: {result.code} {result.err[-300:]}")
    checks.check(files(volume) == before, "and left as it was")

    evaluation = spotctl.run([spotctl.SPOTCTL, "eval", "--json", "--dataset", "synthetic", "--volume", str(volume)])
    checks.check(evaluation.code == 0 and strict(evaluation.out)[0]["loss"] is None, f"eval is honest: {evaluation.out}")
    exported = spotctl.run([spotctl.SPOTCTL, "export", str(volume), "--output", str(folder / "exported")])
    checks.check(exported.code == 65 and not list(folder.glob("exported*")), f"export refuses: {exported.code}")

    harness.write_dataset(folder / "images", train=1, test=4, side=28)
    predicted = spotctl.run([spotctl.SPOTCTL, "predict", "--json", "--dataset", "synthetic", "--volume", str(volume),
                             str(folder / "images" / "t10k-images-idx3-ubyte")])
    checks.check(predicted.code == 65 and not predicted.out, f"predict gives no answer: {predicted.out} {predicted.err[-300:]}")

    bench = subprocess.run([spotctl.SPOTCTL, "bench", "--seconds", "0.3", *map(str, QUICK), *SGD, *FATAL[:2], "--volume",
                            str(spotctl.new_volume(folder, "bench"))], capture_output=True, text=True, check=False)
    checks.check(bench.returncode == 65 and not bench.stdout, f"bench does not time it: {bench.returncode} {bench.stderr[-300:]}")
checks.exit()
