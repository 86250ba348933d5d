#!/usr/bin/env python3
"""What may differ when a run goes on: settings of the same effect do, and advice that a refusal gives works."""
import json

import spotctl

checks = spotctl.Checks()
with spotctl.scratch() as folder:
    def run(volume, steps, *flags):
        return spotctl.run(spotctl.command(volume, "--dataset", "synthetic", "--batch-size", 32, "--steps", steps, "--quiet",
                                           *flags))

    plain = {"type": "dense", "units": 10}
    (folder / "model.json").write_text(json.dumps({"name": "small", "layers": [{"type": "flatten"}, plain]}))
    (folder / "same.json").write_text(json.dumps({"layers": [{"type": "flatten", "name": "flat"}, {"units": 10, "type": "dense"}]},
                                                 indent=3))
    small = ["--model", folder / "model.json"]
    hashes = {}
    for name, first, second in (
            ("the customary learning rate", small, [*small, "--learning-rate", "1", "--epsilon", "1e-7", "--rho", "0.950"]),
            ("keys that the optimizer does not use", [*small, "--optimizer", "sgd", "--learning-rate", "0.10"],
             [*small, "--optimizer", "sgd", "--learning-rate", "1e-1", "--beta1", "0.5", "--epsilon", "0.5"]),
            ("another text of the same model", small, ["--model", folder / "same.json", "--threads", 1]),
            ("the model's own JSON", ["--model", "mlp", "--steps", 1], None)):
        volume = spotctl.new_volume(folder, name.replace(" ", "-"))
        result = run(volume, 1, *first)
        checks.check(result.code == 0, f"{name}: {result.err}")
        if second is None:
            second = ["--model", json.loads(json.dumps(str(next((volume / "models").glob("*.json")))))]
        result = run(volume, 2, *second)
        checks.check(result.code == 0 and result.last("start")["resumed"], f"{name} goes on: {result.err}")
        checks.check("warning" not in result.err, f"{name} is no change: {result.err}")

    volume = spotctl.new_volume(folder, "changed")
    checks.check(run(volume, 1, *small).code == 0, "a run to change")
    refused = run(volume, 2, *small, "--optimizer", "adam")
    checks.check(refused.code == 65 and "optimizer adadelta -> adam" in refused.err and
                 "allow_config_change" in refused.err, f"another optimizer is refused, with advice: {refused.err}")
    allowed = run(volume, 2, *small, "--optimizer", "adam", "--allow-config-change")
    checks.check(allowed.code == 0 and allowed.last("start")["step"] == 1 and "start at 0" in allowed.err,
                 f"the advice works: {allowed.err}")
    later = run(volume, 3, *small, "--optimizer", "adam")
    checks.check(later.code == 0 and later.last("start")["step"] == 2, f"and the run goes on so: {later.err}")
checks.exit()
