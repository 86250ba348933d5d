#!/usr/bin/env python3
"""What SECURITY.md claims, claim by claim: files that someone else may have written are refused, never obeyed.

    hostile_volume.py SPOTCTL
"""
import contextlib
import gzip
import http.server
import json
import os
import pathlib
import resource
import stat
import subprocess
import sys
import tempfile
import threading

import checks
import edit
import golden_run
import read_checkpoint
import trailer
import xxh3

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = HERE.parent.parent / "schemas" / "checkpoint.fbs"
GOLDEN = HERE / "checkpoint-1.0.spck"
GOLDEN_NAME = json.loads(GOLDEN.with_suffix(".json").read_text())["name"]
SPOTCTL = sys.argv[1]
NOWHERE = {"https_proxy": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"}  # no request leaves this machine
MEMORY = 2 << 30  # bytes of address space that a refusal may take, the library itself included
CHECKS = checks.Checks()
check = CHECKS.check


UMASK = 0o027


def run(*arguments, env=None, memory=None):
    def limit():
        os.umask(UMASK)
        if memory:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    try:
        return subprocess.run([SPOTCTL, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                              errors="replace", preexec_fn=limit, env={**os.environ, **NOWHERE, **(env or {})})
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, "time-out", "", "")


def train(folder, volume, *flags, env=None, memory=None, **settings):
    values = {**golden_run.settings(folder, volume), **settings}
    return run("train", "--json", *(f"--set={k}={v}" for k, v in values.items()), *flags, env=env, memory=memory)


def start_of(result):
    return next((json.loads(line) for line in result.stdout.splitlines() if '"start"' in line), {})


def refused(what, result, code, *words):
    last = (result.stderr.splitlines() or [""])[-1]
    check(result.returncode == code and last.startswith("spotctl: error: ") and all(w in last for w in words),
          f"{what}: {result.returncode}, {last}")


def new_volume(folder, name, *checkpoints):
    """A volume that holds these files' bytes as checkpoints, oldest first."""
    (folder / name / "checkpoints").mkdir(parents=True)
    for number, content in enumerate(checkpoints):
        (folder / name / "checkpoints" / GOLDEN_NAME.replace("00000002.", f"{number + 2:08}.")).write_bytes(content)
    return folder / name


def everything(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def other_modes(folder, for_others=("logs", "models")):
    """Files and folders that have another mode than they should: folders are private, and so are files but those
    within `for_others`, which follow the umask."""
    def expected(path):
        if path.is_dir():
            return 0o700
        return 0o666 & ~UMASK if path.parent.name in for_others else 0o600

    return [str(path.relative_to(folder)) for path in folder.rglob("*")
            if stat.S_IMODE(path.lstat().st_mode) != expected(path)]


def edited(folder, change, generation=2):
    """The golden checkpoint with other content behind right hashes."""
    payload, _ = trailer.unseal(GOLDEN.read_bytes())
    content = edit.to_json(SCHEMA, payload, folder)
    content["generation"] = generation
    change(content)
    tensors = {t["name"]: {"shape": t["shape"], "bytes": bytes(t["data"])} for t in content["tensors"]}
    content["state_hash"] = read_checkpoint.state_hash(content, tensors)
    return trailer.seal(edit.to_payload(SCHEMA, content, folder), generation=generation)


def setting(content, key, value):
    content["config"] = [s for s in content["config"] if s["key"] != key] + [{"key": key, "value": value}]


def write_zipped_dataset(folder):
    golden_run.write_dataset(folder)
    for file in list(folder.iterdir()):
        file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()


def test_permissions(folder):
    volume = new_volume(folder, "modes")
    (volume / "checkpoints").rmdir()
    write_zipped_dataset(folder / "zipped")
    result = train(folder, volume, dataset=folder / "zipped")
    files = everything(volume)
    check(result.returncode == 0 and all(any(name.startswith(kind) for name, content in files.items() if content)
                                         for kind in ("checkpoints/", "datasets/", "logs/", "models/")),
          f"a run writes files of every kind: {result.stderr}")
    check(other_modes(volume) == [], f"checkpoints and datasets are 0600, folders 0700, logs and models follow the "
                                     f"umask: {other_modes(volume)}")
    exported = folder / "exported"
    exported.mkdir(mode=0o700)
    run("export", volume, "--output", exported / "model")
    check(len(list(exported.iterdir())) == 2 and other_modes(exported, ("exported",)) == [],
          "exported models follow the umask")
    for name in ("checkpoints/open", "datasets/open"):
        (volume / name).touch()
        (volume / name).chmod(0o640)
    check(sorted(other_modes(volume)) == ["checkpoints/open", "datasets/open"], "control: an open file is noticed")


def test_links(folder):
    golden = GOLDEN.read_bytes()
    for name in ("checkpoints", "datasets", "logs", "models"):
        volume, outside = folder / f"link-{name}", folder / f"outside-{name}"
        volume.mkdir()
        outside.mkdir()
        (volume / name).symlink_to(outside)
        refused(f"a link in the place of {name}/", train(folder, volume), 74, name, "symbolic link")
        check(everything(outside) == {}, f"nothing is written behind a link in the place of {name}/")
    # A checkpoint file: what it points to may be whole, it is not taken.
    volume = new_volume(folder, "link-file", golden)
    newer = edited(folder, lambda content: content.update(step=5), generation=3)
    (folder / "elsewhere.spck").write_bytes(newer)
    (volume / "checkpoints" / GOLDEN_NAME.replace("00000002.", "00000003.")).symlink_to(folder / "elsewhere.spck")
    result = train(folder, volume)
    check(result.returncode == 0 and start_of(result).get("step") == 6, f"a linked checkpoint is passed over: {result}")
    check((folder / "elsewhere.spck").read_bytes() == newer, "and what it points to stays as it was")
    # Logs and models, whose names can be known before.
    precious = folder / "precious"
    precious.write_text("precious")
    volume = new_volume(folder, "linked-logs", golden)
    for name in ("logs", "models"):
        (volume / name).mkdir()
    for name in ("logs/golden.csv", "logs/golden.steps.csv", "models/golden.json", "models/golden.safetensors",
                 "checkpoints/restoring"):
        (volume / name).symlink_to(precious)
    result = train(folder, volume, epochs=3)
    check(result.returncode == 0 and precious.read_text() == "precious", f"no link is written through: {result.stderr}")
    # A cached dataset.
    write_zipped_dataset(folder / "zipped")
    result = train(folder, volume, epochs=3, dataset=folder / "zipped")
    cached = sorted((volume / "datasets").iterdir())
    kept = cached[0].read_bytes()
    (folder / "cached").write_bytes(kept)
    cached[0].unlink()
    cached[0].symlink_to(folder / "cached")
    result = train(folder, volume, epochs=3, dataset=folder / "zipped")
    check(len(cached) == 4 and result.returncode == 0 and "symbolic link" in result.stderr,
          f"a linked dataset is not used: {result.stderr}")
    # Control: a link that the user gives is a path like any other.
    (folder / "linked-data").symlink_to(folder / "data")
    check(train(folder, new_volume(folder, "by-link"), dataset=folder / "linked-data").returncode == 0,
          "the user's own links are followed")


def test_not_files(folder):
    """Pipes and folders where files are expected."""
    golden = GOLDEN.read_bytes()
    for kind, make in (("pipe", os.mkfifo), ("folder", os.mkdir)):
        volume = new_volume(folder, f"{kind}s", golden)
        make(volume / "checkpoints" / GOLDEN_NAME.replace("00000002.", "00000003."))
        make(volume / "checkpoints" / "restoring")
        (volume / "logs").mkdir()
        make(volume / "logs" / "golden.steps.csv")
        result = train(folder, volume)
        check(result.returncode == 0 and start_of(result).get("step") == 6,
              f"a {kind} among the checkpoints stops nothing: {result.returncode} {result.stderr}")
        check(run("verify", volume).returncode in (0, 65), f"verify gets past a {kind}")


def share_content(folder, tensors):
    """A small checkpoint whose many tensors are one: FlatBuffers lets any number of them point to the same content."""
    import flatbuffers
    read_checkpoint.generate(SCHEMA, folder / "generated")
    from spot.format import Checkpoint, Tensor
    builder = flatbuffers.Builder(1 << 21)
    data, name = builder.CreateByteVector(bytes(1 << 20)), builder.CreateString("x")
    Tensor.StartShapeVector(builder, 1)
    builder.PrependInt64(1 << 18)
    shape = builder.EndVector()
    Tensor.Start(builder)
    Tensor.AddName(builder, name)
    Tensor.AddShape(builder, shape)
    Tensor.AddData(builder, data)
    Tensor.AddXxh364(builder, xxh3.hash64(bytes(1 << 20)))
    tensor = Tensor.End(builder)
    Checkpoint.StartTensorsVector(builder, tensors)
    for _ in range(tensors):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    Checkpoint.StartConfigVector(builder, 0)
    config = builder.EndVector()
    Checkpoint.StartHistoryVector(builder, 0)
    history = builder.EndVector()
    Checkpoint.Start(builder)
    for field in ("Reason", "RunId", "ParentHash", "StateHash", "ModelJson", "DatasetName", "DatasetFingerprint",
                  "CodeVersion", "LibraryVersion", "Device", "InstructionSet"):
        getattr(Checkpoint, "Add" + field)(builder, name)
    Checkpoint.AddConfig(builder, config)
    Checkpoint.AddHistory(builder, history)
    Checkpoint.AddTensors(builder, tensors)
    builder.FinishSizePrefixed(Checkpoint.End(builder), file_identifier=b"SPCK")
    return trailer.seal(bytes(builder.Output()), writer_epoch=0, generation=0)


def test_sizes(folder):
    """A refusal of little memory and time, whatever a file announces."""
    file = folder / "size.spck"
    try:
        file.write_bytes(share_content(folder, 4000))
        refused("4000 tensors of one content", run("inspect", file, memory=MEMORY), 65, "more content than it has")
        file.write_bytes(share_content(folder, 1))
        refused("control: one of them, for its hash only", run("inspect", file, memory=MEMORY), 65, "state hash")
    except ImportError:
        print("skipped: python3-flatbuffers is not here, so no tensors share their content")
    file.write_bytes(b"")
    os.truncate(file, 1 << 43)
    result = run("inspect", file, memory=MEMORY)
    check(result.returncode in (65, 74) and "accepted" in result.stderr, f"a file of 8 TiB: {result.stderr}")
    deep = "[" * 500_000
    long = "[" + "1," * 20_000_000 + "1]"
    for what, text in (("nested", deep), ("nested and closed again", deep + "]" * 500_000), ("of many numbers", long)):
        def change(content):
            content["model_json"] = text
            if text is not long:
                setting(content, "epochs", text)
        file.write_bytes(edited(folder, change))
        # A key's value stays text, and is shown in full.
        result = run("inspect", file, "--json", memory=MEMORY)
        check(result.returncode == 0 and json.loads(result.stdout)["model"] is None, f"a model {what}")
    (folder / "model.json").write_text('{"layers":' + deep + "]" * 500_000 + "}")
    refused("a model file nested as deep",
            train(folder, new_volume(folder, "deep"), model=folder / "model.json"), 65, "model.json")
    (folder / "model.json").write_text('{"layers":[' + '{"type":"max_pool","kernel":1,"padding":"same"},' * 20_000 +
                                       '{"type":"flatten"}]}')
    refused("a model of 20,000 layers",
            train(folder, new_volume(folder, "long"), model=folder / "model.json"), 65, "200")


@contextlib.contextmanager
def server(answer):
    """An HTTP server; yields its host and port. `answer` takes a request and returns (status, headers, body)."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answer(self)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": len(body)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        do_PUT = do_GET

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()


def test_unpacking(folder):
    """A mirror cannot make us unpack more than the file that was asked for."""
    bomb = gzip.compress(bytes(1 << 30), 9)
    with server(lambda request: (200, {}, bomb)) as here:
        result = train(folder, new_volume(folder, "bomb"), memory=MEMORY, dataset="mnist",
                       dataset_mirrors=f"http://{here}/")
    check(result.returncode == 69 and "its content has more than" in result.stderr, f"a bomb of 1 GiB: {result.stderr}")


def test_places(folder):
    """No path, address or name in a checkpoint decides where anything is read, written or asked for."""
    outside = folder / "outside-places"
    outside.mkdir()
    asked = []
    with server(lambda request: (asked.append(request.path), (404, {}, b""))[1]) as here:
        def places(content):
            for key, value in (("volume", outside), ("dataset", folder / "data"), ("model", folder / "model.json"),
                               ("dataset_mirrors", f"http://{here}/"), ("metadata", "aws"),
                               ("metadata_endpoint", f"http://{here}")):
                setting(content, key, str(value))
        file = folder / "places.spck"
        file.write_bytes(edited(folder, places))
        home = new_volume(folder, "home")
        refused("a dataset folder in a file", run("eval", "--checkpoint", file, "--volume", home), 64, "--dataset")
        result = run("eval", "--checkpoint", file, "--volume", home, "--dataset", folder / "data")
        check(result.returncode == 0, f"with a dataset of the user's it can be evaluated: {result.stderr}")
        check(everything(outside) == {} and asked == [], f"and nothing else happened: {everything(outside)} {asked}")
        with contextlib.suppress(OSError):  # control
            import urllib.request
            urllib.request.urlopen(f"http://{here}/control", timeout=5)
        check(asked == ["/control"], "control: a question would have been seen")
    # A run's name becomes the name of files.
    for name in ("../../outside-places/x", "/etc/x", "a/b", "", "x" * 64):
        volume = new_volume(folder, f"name-{len(name)}", edited(folder, lambda content: content.update(run_id=name)))
        before = everything(folder)
        result = train(folder, volume, run_id="", allow_config_change="true")
        new = [n for n in everything(folder) if n not in before and not n.startswith(volume.name + "/")]
        check(result.returncode in (64, 65) and new == [], f"run_id {name!r}: {new} {result}")


def test_numbers(folder):
    """Positions that no run can be in."""
    for number in (1 << 63, (1 << 64) - 1):
        for field in ("step", "epoch", "steps_per_epoch", "seed", "dataset_train_count"):
            def change(content):
                content[field] = number
            content = edited(folder, change)
            volume = new_volume(folder, f"{field}-{number}", content)
            result = train(folder, volume, epochs=4, allow_config_change="true")
            if field == "step":
                refused("a step that no run reaches", result, 65, str(number))
            else:
                check(result.returncode == 0, f"{field} {number} decides nothing: {result}")


def test_terminal(folder):
    """Names in files do not reach a terminal as they are."""
    file = folder / "escape.spck"
    def change(content):
        content["run_id"] = content["device"] = "\x1b]0;owned\x07\x9b31m"
        content["tensors"][0]["name"] = "\x1b[2Jconv"
    file.write_bytes(edited(folder, change))
    for arguments in (("inspect", file), ("inspect", file, "--json"), ("verify", file),
                      ("export", file, "--output", folder / "escaped"), ("eval", "--checkpoint", file)):
        result = run(*arguments)
        check(not any(c in result.stdout + result.stderr for c in "\x1b\x07\x9b"), f"{arguments[0]}: {result}")


def test_secrets(folder):
    """Tokens and passwords are used, and appear nowhere."""
    token, password, used = "TOKEN-9f1c3b7a", "PASSWORD-77e0d2", []

    def metadata(request):
        if request.command == "PUT":
            return 200, {"X-aws-ec2-metadata-token-ttl-seconds": 60}, token.encode()
        used.append(request.headers.get("X-aws-ec2-metadata-token"))
        return 404, {}, b""

    volume = new_volume(folder, "secrets")
    with server(metadata) as here:
        result = train(folder, volume, "--verbose", metadata="aws", metadata_endpoint=f"http://user:{password}@{here}",
                       poll_seconds=0.01, dataset="auto", dataset_mirrors=f"http://user:{password}@{here}/",
                       model="mlp", epochs=1)
    check(result.returncode == 0 and token in used, f"the token was used: {result.stderr}")
    written = b"".join(content for content in everything(volume).values() if content)
    for secret in (token, password):
        check(secret not in result.stdout + result.stderr, f"{secret} is not shown")
        check(secret.encode() not in written, f"{secret} is not written to the volume")
    check(b"golden" in written, "control: the run's files were searched")


def main():
    with tempfile.TemporaryDirectory(prefix="spot-hostile-") as scratch:
        for test in (test_permissions, test_links, test_not_files, test_sizes, test_unpacking, test_places,
                     test_numbers, test_terminal, test_secrets):
            folder = pathlib.Path(scratch, test.__name__)
            folder.mkdir()
            golden_run.write_dataset(folder / "data")
            test(folder)
    sys.exit(CHECKS.exit_code())


main()
