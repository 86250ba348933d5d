#!/usr/bin/env python3
"""'spotctl plan' against a simulation that takes every step; traces that are none; the chart; and a run with
checkpoint_seconds=auto that is killed."""
import json
import math
import os
import random
import signal
import sys
import xml.etree.ElementTree

import spotctl

SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 7
print(f"seed {SEED}: replay with plan.py {SEED}", flush=True)
checks = spotctl.Checks()
draw = random.Random(SEED)


def ns(seconds):
    return math.floor(seconds * 1e9 + 0.5)


# ---- The simulation, one step after the other. It shares nothing with the program but the formula's paper.

def interval_of(cost, uptime):
    """From the begin of a save to the begin of the next, by Daly (2006)."""
    if cost >= 2 * uptime:
        return ns(cost + uptime)
    x = cost / (2 * uptime)
    return ns(math.sqrt(2 * cost * uptime) * (1 + math.sqrt(x) / 3 + x / 9))


class Simulation:
    def __init__(self, job, rule, value=0):
        self.job, self.rule, self.value = job, rule, value  # rule: none, fixed or auto
        self.kept = self.lost = self.saving = self.machine = self.saves = self.starts = 0
        self.done, self.end = False, None

    def save(self, now, down):
        begin = max([now, *(durable for durable, _ in self.written[-1:])])
        self.written.append((begin + self.job["durable"], self.step))
        self.began = now
        self.saves += 1
        self.saving += min(self.job["save"], down - now)
        return now + self.job["save"]

    def is_due(self, now):
        if self.rule == "none":
            return False
        if self.rule == "fixed":
            return now - self.began >= self.value
        if any(durable > now for durable, _ in self.written):
            return False
        cost = self.job["save"] / 1e9 if self.written else 0.01
        return now - self.began >= interval_of(cost, self.value)

    def live(self, up, down, is_taken):
        job = self.job
        self.step, self.written, self.began = self.kept, [], up + job["start"]
        self.starts += 1
        now = self.began
        notice = down - job["notice"] if is_taken and job["notice"] and self.rule != "none" else math.inf
        while True:
            if now >= notice:
                if self.step > self.kept and now <= down:
                    now = self.save(now, down)
                break
            if now + job["step"] > down:
                break
            now += job["step"]
            self.step += 1
            if self.step == job["steps"]:
                self.save(now, down)
                if self.written[-1][0] <= down:
                    self.done, self.end, self.kept = True, self.written[-1][0], self.step
                    self.machine += self.end - up
                    return
                break
            if self.is_due(now):
                now = self.save(now, down)
        self.machine += down - up
        if is_taken:
            durable = [step for at, step in self.written if at <= down]
            kept = durable[-1] if durable else 0 if self.rule == "none" else self.kept
            self.lost += self.step - kept
            self.step = kept
        self.kept = self.step

    def run(self, uptimes, end, ends_up):
        for number, (up, down) in enumerate(uptimes):
            self.live(up, down, not (ends_up and number + 1 == len(uptimes)))
            if self.done:
                return self
        self.end = end
        return self


def plan(trace, *flags):
    return spotctl.run([spotctl.SPOTCTL, "plan", "--trace", str(trace), *map(str, flags)])


def compare(name, path, uptimes, end, ends_up, nodes=1):
    """A job of drawn properties on that trace."""
    step, save = draw.choice([0.5, 1, 7.3]), draw.choice([0, 0.001, 0.4, 3])
    durable = save + draw.choice([0, 0.2, 9])
    every = [durable + x for x in (1, draw.uniform(1, 60), 300)]
    hours = draw.choice([0.2, 1, 3])
    start, notice = draw.choice([0, 12.5, 90]), draw.choice([0, 0, 5, 120])
    mean = draw.choice([None, 60, 5000])
    flags = ["--job-hours", hours, "--step-seconds", step, "--save-seconds", save, "--durable-seconds", durable,
             "--start-seconds", start, "--notice-seconds", notice, "--every", *every, "--nodes", nodes, "--json"]
    if mean:
        flags += ["--mean-uptime-seconds", mean]
    result = plan(path, *flags)
    if result.code != 0:
        checks.check(False, f"{name}: {result.err}")
        return
    found = json.loads(result.out)
    steps = max(1, round(hours * 3600 / step))
    job = {"steps": steps, "step": ns(step), "save": ns(save), "durable": ns(durable), "start": ns(start), "notice": ns(notice)}
    up = sum(b - a for a, b in uptimes)
    interruptions = len(uptimes) - ends_up
    shown = up / 1e9 / max(interruptions, 1)
    checks.check(found["trace"]["interruptions"] == interruptions and
                 abs(found["trace"]["mean_uptime_seconds"] - shown) < 1e-6, f"{name}: what the trace shows: {found['trace']}")
    checks.check(found["job"]["steps"] == steps, f"{name}: {found['job']} has {steps} steps")
    forever = [(0, 10**18)]
    expected = [Simulation(job, "none").run(forever, 10**18, True)]
    expected += [Simulation(job, *rule).run(uptimes, end, ends_up) for rule in
                 [("none",), *(("fixed", ns(e)) for e in every), ("auto", mean or shown)]]
    checks.check(len(found["policies"]) == len(expected), f"{name}: {len(expected)} policies")
    for ours, one in zip(found["policies"], expected):
        theirs = {"done": one.done, "progress": one.kept / steps, "seconds": one.end / 1e9,
                  "machine_seconds": one.machine / 1e9, "lost_seconds": one.lost * job["step"] / 1e9,
                  "saving_seconds": one.saving / 1e9, "saves": one.saves, "starts": one.starts,
                  "cost": one.machine / 3.6e12 * nodes * (3.06 if ours["policy"] == "on-demand" else 0.97)}
        wrong = {key: (ours[key], value) for key, value in theirs.items() if abs(ours[key] - value) > 1e-6}
        checks.check(not wrong, f"{name}, {ours['policy']} {ours['interval_seconds']}: found, expected: {wrong}; {flags}")


def says(what, path, *words, flags=(), code=65):
    result = plan(path, *flags)
    lines = [line for line in result.err.splitlines() if line.startswith("spotctl: error: ")]
    checks.check(result.code == code and len(lines) == 1 == len(result.err.splitlines()) and len(lines[0]) < 400,
                 f"{what}: one line, exit code {code}: {result.code}, {result.err[:600]}")
    for word in words:
        checks.check(word in result.err, f"{what}: '{word}' is said: {result.err[:600]}")
    checks.check(result.out == "", f"{what}: nothing else is printed: {result.out[:200]}")


with spotctl.scratch() as folder:
    # Traces as they are drawn, in both forms.
    for number in range(24):
        gap = draw.choice([1, 30, 97.5])
        nodes = draw.choice([1, 1, 3])
        counts = []
        while len(counts) * gap < 9000:
            counts += [draw.randint(0, 4)] * draw.randint(1, 1 + int(draw.choice([60, 900, 4000]) / gap))
        counts[0] = max(counts[0], nodes)
        uptimes = []
        for i, count in enumerate(counts):
            if count >= nodes and uptimes and uptimes[-1][1] == ns(gap * i):
                uptimes[-1] = (uptimes[-1][0], ns(gap * (i + 1)))
            elif count >= nodes:
                uptimes.append((ns(gap * i), ns(gap * (i + 1))))
        path = folder / f"{number}.json"
        path.write_text(json.dumps({"metadata": {"gap_seconds": gap}, "data": counts, "prices": [1]}))
        compare(path.name, path, uptimes, ns(gap * len(counts)), counts[-1] >= nodes, nodes)
    for number in range(12):
        at, rows = draw.choice([0, 1.7e9]), []
        for _ in range(draw.randint(1, 30)):
            begin = at + draw.choice([0, 10, 500.5])
            at = begin + draw.choice([0.25, 20, 700, 5000])
            rows.append((begin, at))
        path = folder / f"{number}.csv"
        path.write_text(draw.choice(["", "up,down\n", "# seconds\n\n"]) + "".join(f"{a!r}, {b!r}\r\n" for a, b in rows))
        uptimes = [(ns(a - rows[0][0]), ns(b - rows[0][0])) for a, b in rows]
        compare(path.name, path, uptimes, uptimes[-1][1], False)

    # What the words for people say.
    trace = folder / "a trace <&>\xfc.json"
    trace.write_text(json.dumps({"metadata": {"gap_seconds": 600}, "data": ([1] * 20 + [0] * 5) * 12}))
    text = plan(trace, "--chart", folder / "plan.svg", "--notice-seconds", 0).out
    for row in ("on-demand", "no checkpoints", "every 60 s", "every 600 s", "every 3600 s", "auto: every "):
        checks.check(sum(line.startswith(row) for line in text.splitlines()) == 1, f"a row '{row}': {text}")
    checks.check("50.0 h, up 80 % of them, 12 interruptions, mean uptime 12000 s" in text, f"the trace in a line: {text}")
    checks.check("not done when the trace ends" in text, f"a job without checkpoints ends no trace like this: {text}")
    svg = (folder / "plan.svg").read_text()
    image = xml.etree.ElementTree.fromstring(svg)
    words = [element.text for element in image.iter("{http://www.w3.org/2000/svg}text")]
    lines = list(image.iter("{http://www.w3.org/2000/svg}polyline"))
    checks.check(any("a trace <&>\xfc.json" in word for word in words), f"the chart names the trace: {words}")
    checks.check(len(lines) == 6 and "nan" not in svg and "inf" not in svg, f"a line for each of six: {len(lines)}")
    checks.check(all(line.get("points").strip() for line in lines), "no line is empty")
    checks.check({"on-demand", "no checkpoints", "every 60 s"} <= set(words), f"the legend: {words}")
    says("a chart that cannot be written", trace, "nowhere", flags=["--chart", folder / "nowhere" / "x.svg"], code=74)

    # Traces that are none.
    bad = {
        "empty": (b"", "is empty"),
        "cut": (b'{"metadata": {"gap_seconds": 60}, "data": [1, 1', "none", "cut off"),
        "array": (b"[1, 0, 1]", "gap_seconds"),
        "no gap": (b'{"data": [1]}', "gap_seconds"),
        "negative gap": (b'{"metadata": {"gap_seconds": -5}, "data": [1]}', "gap_seconds is -5"),
        "text for a gap": (b'{"metadata": {"gap_seconds": "60"}, "data": [1]}', "gap_seconds", "number"),
        "endless gap": (b'{"metadata": {"gap_seconds": 1e300}, "data": [1]}', "longer than"),
        "gap of no number": (b'{"metadata": {"gap_seconds": 1e999}, "data": [1]}',),
        "no data": (b'{"metadata": {"gap_seconds": 60}}', "data"),
        "empty data": (b'{"metadata": {"gap_seconds": 60}, "data": []}', "data"),
        "data of text": (b'{"metadata": {"gap_seconds": 60}, "data": [1, "up"]}', "data[1]", '"up"'),
        "half a machine": (b'{"metadata": {"gap_seconds": 60}, "data": [0.5]}', "data[0] is 0.5"),
        "less than none": (b'{"metadata": {"gap_seconds": 60}, "data": [1, -1]}', "data[1] is -1"),
        "deep": (b'{"metadata": {"gap_seconds": 60}, "data": [' + b"[" * 100000 + b"]" * 100000 + b"]}", "data[0] is an array"),
        "never up": (b'{"metadata": {"gap_seconds": 60}, "data": [0, 0]}', "never a machine"),
        "CSV of words": (b"up,down\nnow,later\n", "line 2"),
        "CSV of names alone": (b"up,down\n", "no line"),
        "CSV of one column": (b"1\n2\n", "line 1", "comma"),
        "CSV, three columns": (b"1,2,3\n", "line 1"),
        "CSV, unsorted": (b"100,200\n50,60\n", "line 2", "50", "200", "sort"),
        "CSV, ends first": (b"0,10\n30,20\n", "line 2", "20", "30"),
        "CSV of no number": (b"0,nan\n", "line 1"),
        "CSV, for ever": (b"0,1\n2,1e18\n", "longer than"),
        "binary": (b"\x00\xff\xfe" * 500, "line 1"),
        "huge": (b"1,2\n" * (5 << 20), "more than"),
    }
    for name, (content, *words) in bad.items():
        path = folder / name
        path.write_bytes(content)
        says(name, path, name, *words, code=74 if name == "huge" else 65)
    says("a trace that is not there", folder / "nothing", "nothing", "does not exist", code=74)
    says("a trace that is a folder", folder, "is a folder", code=74)
    says("more machines than there are", trace, "never 2 machines", "at most 1", "--nodes", flags=["--nodes", 2])
    says("machines together in CSV", folder / "0.csv", "--nodes", flags=["--nodes", 2])
    for flags, words in ((["--step-seconds", "nan"], ["'nan'", "0.001 to 100000"]), (["--job-hours", 0], ["'0'"]),
                         (["--spot-price", -1], ["'-1'"]), (["--save-seconds", 3, "--durable-seconds", 2], ["--durable-seconds"]),
                         (["--durable-seconds", 30, "--every", 20], ["--every 20", "30"]),
                         (["--every", 1, "--every", 2, 3, 4, 5, 6, 7], ["7 values", "6 at most"])):
        says(" ".join(map(str, flags)), trace, *words, flags=flags, code=64)
    result = plan(trace, "--save-seconds", 90)
    checks.check(result.code == 0 and "every 600 s" in result.out and "every 60 s" not in result.out,
                 f"intervals that nobody asked for are no shorter than a save: {result.out} {result.err}")
    result = spotctl.run([spotctl.SPOTCTL, "plan"])
    checks.check(result.code == 64 and "--trace" in result.err, f"no trace: {result.err}")

    # Extremes end soon.
    long = folder / "long.csv"
    long.write_text("0,1\n" + "".join(f"{i},{i + 0.5}\n" for i in range(1, 100000)))
    result = plan(long, "--job-hours", 100000, "--chart", folder / "long.svg", "--step-seconds", 0.01, "--start-seconds", 0)
    checks.check(result.code == 0 and (folder / "long.svg").stat().st_size < 10**6, f"a long job on short machines: {result.err}")

    # A run that saves by itself, killed.
    FLAGS = ["--dataset", "synthetic", "--model", "lenet-5", "--optimizer", "adam", "--batch-size", 8, "--epochs", 3,
             "--run-id", "auto", "--checkpoint-epochs", 0]
    AUTO = ["--checkpoint-seconds", "auto", "--mean-uptime-seconds", 1]
    whole = spotctl.new_volume(folder, "whole")
    reference = spotctl.run(spotctl.command(whole, *FLAGS, "--checkpoint-seconds", 0), timeout=900)
    checks.check(reference.code == 0, f"the run that nobody disturbs: {reference.err}")
    volume, reached = spotctl.new_volume(folder, "volume"), 0
    for kill in range(4):
        with spotctl.start(spotctl.command(volume, *FLAGS, *AUTO)) as run:
            begin = run.next("start")
            checks.check(begin["step"] >= reached, f"resumed at {begin['step']}; {reached} was said to be durable")
            for _ in range(kill + 1):
                saved = run.next("checkpoint")
                checks.check(saved is not None and saved["reason"] == "interval", f"a save by time: {saved}, {run}")
            run.process.send_signal(signal.SIGKILL)
            run.end()
            saves = [e["step"] for e in run.events if e["event"] == "checkpoint"]
            checks.check("checkpoint_seconds=auto: a checkpoint every " in run.err, f"the interval is told: {run.err}")
            reached = saves[-1] if saves else reached
    last = spotctl.run(spotctl.command(volume, *FLAGS, *AUTO), timeout=900)
    checks.check(last.code == 0 and last.events[0]["step"] >= reached, f"the last run: {last.err}")
    checks.check(last.last("end")["state_hash"] == reference.last("end")["state_hash"], "the same state, however often saved")
    for file in ("models/auto.safetensors", "logs/auto.csv", "logs/auto.steps.csv"):
        checks.check((volume / file).read_bytes() == (whole / file).read_bytes(), f"{file} is the same, byte for byte")

    # The key in a file.
    (folder / "auto.toml").write_text('checkpoint_seconds = "auto"\nmean_uptime_seconds = 3600\n')
    shown = spotctl.run([spotctl.SPOTCTL, "config", "--config", str(folder / "auto.toml")]).out
    checks.check("now auto, from" in shown and "now 3600, from" in shown, f"auto in a file: {shown[:300]}")
    (folder / "bad.toml").write_text('checkpoint_seconds = "60"\n')
    result = spotctl.run([spotctl.SPOTCTL, "config", "--config", str(folder / "bad.toml")])
    checks.check(result.code == 64 and "quotes" in result.err, f"a number in quotes: {result.err}")
checks.exit()
