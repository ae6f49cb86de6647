"""Runs the samples of the clients (Rust, Python, TypeScript) against a sandbox, and kills its window meanwhile.

- basic: a declaration is released, with the sample `agency` of the same language as customs.
- many and follow: the window is killed (SIGKILL) while items are on their way and started again; the follower is killed
  and started again, too. Every item is answered, every declaration is there once, and each release is heard of.
- national: a message is sent and its receipts are followed, by Python and TypeScript.
- over HTTP: a declaration is released by curl, and by Java and Go where they are.

Only the standard library, so that nothing of a client is trusted to check it.
"""

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WINDOW = ROOT / "target/debug/single-window"
SAMPLES = {
    "Rust": lambda name: [str(ROOT / "target/debug/examples" / name)],
    "Python": lambda name: [sys.executable, str(ROOT / f"services/client-python/samples/{name}.py")],
    "TypeScript": lambda name: ["node", str(ROOT / f"services/client-typescript/dist/samples/{name}.js")],
}
#: Samples without a client, and what runs them.
HTTP = {"sh": "basic.sh", "java": "Basic.java", "go run": "basic.go"}
PATIENCE = 40.0
#: Items that are sent before the window is killed, and after.
BEFORE, AFTER = 120, 60


class Program:
    """A program, with the lines that it prints."""

    def __init__(self, *command: str, data: Path, **options: object) -> None:
        environment = {**os.environ, "SW_DATA_DIR": str(data), "RUST_BACKTRACE": "0"}
        self.name = " ".join(Path(word).name for word in command[:3])
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment, **options
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.append(line.strip())

    def ends(self, *codes: int) -> list[str]:
        """Its lines, once it has ended with one of these codes."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.fail("does not end")
        self._reader.join(5)
        if code not in codes:
            self.fail(f"ended with {code}")
        return self.lines

    def stop(self) -> list[str]:
        self.process.send_signal(signal.SIGINT)
        return self.ends(0, 130, -signal.SIGINT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def fail(self, what: str) -> None:
        self.log.seek(0)
        self.process.kill()
        raise SystemExit(f"{self.name} {what}\n" + "\n".join(self.lines[-20:]) + "\n" + self.log.read()[-4_000:])


class Sandbox:
    """A sandbox whose window can be killed and started again, with simulated agencies as programs beside it."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.address = "127.0.0.1:0"
        self.started: list[Program] = []
        self.start()

    def start(self) -> None:
        known = self.data / "address"
        since = known.stat().st_mtime_ns if known.exists() else 0
        self.window = self.run(
            "sandbox", "--quiet", "--no-agencies", "--drain-seconds", "1", "--listen", self.address
        )
        until(lambda: known.exists() and known.stat().st_mtime_ns > since, self.window, "does not start")
        self.address = known.read_text().strip()
        until(self.is_ready, self.window, "does not answer")

    def is_ready(self) -> bool:
        try:
            return bool(self.get("/v1/status"))
        except OSError:
            return False

    def run(self, *arguments: str) -> Program:
        program = Program(str(WINDOW), *arguments, data=self.data)
        self.started.append(program)
        return program

    def sample(self, language: str, name: str, *arguments: str, **options: object) -> Program:
        program = Program(*SAMPLES[language](name), *arguments, data=self.data, **options)
        self.started.append(program)
        return program

    def get(self, path: str, caller: str = "agent") -> dict:
        identities = self.data / "identities"
        key = (identities / f"{caller}.api-key").read_text().strip()
        request = urllib.request.Request(
            f"https://{self.address}{path}", headers={"Authorization": f"Bearer {key}"}
        )
        context = ssl.create_default_context(cafile=str(identities / "authority.pem"))
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return json.load(answer)

    def orders(self, prefix: str) -> list[str]:
        """Order numbers of the declarations that are there."""
        found, token = [], ""
        while True:
            page = self.get(f"/v1/declarations?pageSize=1000&pageToken={token}")
            found += [record["orderNo"] for record in page["records"] if record["orderNo"].startswith(prefix)]
            token = page["nextPageToken"]
            if not token:
                return found

    def end(self) -> None:
        for program in reversed(self.started):
            if program.process.poll() is None:
                program.process.terminate()
                try:
                    program.process.wait(15)
                except subprocess.TimeoutExpired:
                    program.process.kill()


def until(holds, program: Program, otherwise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end or program.process.poll() is not None:
            program.fail(otherwise)
        time.sleep(0.02)


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(what)


def basic(sandbox: Sandbox, language: str) -> None:
    agency = sandbox.sample(language, "agency", "customs")
    file = str(ROOT / "docs/examples/import-9610.json")
    lines = sandbox.sample(language, "basic", file).ends(0)
    check(lines[0].startswith("filed declarations/") and lines[-1].endswith("RELEASED"), f"{lines}")
    answered = agency.stop()
    check(len(answered) == 2 and all("APPLIED" in line for line in answered), f"{answered}")


def refused(sandbox: Sandbox, language: str, directory: Path) -> None:
    """What is wrong is said by field, code, and in both languages."""
    declaration = json.loads((ROOT / "docs/examples/import-9610.json").read_text())
    declaration |= {"customs_code": "42", "voyage_no": ""}
    file = directory / "bad.json"
    file.write_text(json.dumps(declaration))
    lines = "\n".join(sandbox.sample(language, "basic", str(file)).ends(1))
    for told in ("declaration.customs_code", "declaration.voyage_no", "voyage_no is required", "必填", "SW-2019"):
        check(told in lines, f"{language} does not tell {told}:\n{lines}")


def many_and_follow(sandbox: Sandbox, language: str, directory: Path) -> None:
    prefix = f"SDK-{language}-"
    example = json.loads((ROOT / "docs/examples/export-9610.json").read_text())
    store = directory / f"{language}.token"
    follower = sandbox.sample(language, "follow", str(store))
    followers = [follower]
    program = sandbox.sample(language, "many", stdin=subprocess.PIPE)
    ids = [str(uuid.uuid4()) for _ in range(BEFORE + AFTER)]

    def send(numbers: range) -> None:
        for number in numbers:
            order = f"{prefix}{number}"
            declaration = {**example, "order_no": order, "cop_no": order, "logistics_no": order}
            request = {"requestId": ids[number], "declaration": declaration}
            try:
                program.process.stdin.write(json.dumps(request) + "\n")
                program.process.stdin.flush()
            except BrokenPipeError:
                program.fail("reads no more")

    send(range(BEFORE // 2))
    until(lambda: len(program.lines) >= 10, program, "answers nothing")
    send(range(BEFORE // 2, BEFORE))
    sandbox.window.kill()
    answered = len(program.lines)
    # More comes meanwhile, and not all of it is taken while nobody is there.
    rest = threading.Thread(target=send, args=(range(BEFORE, BEFORE + AFTER),), daemon=True)
    rest.start()
    sandbox.start()
    rest.join(PATIENCE)
    program.process.stdin.close()
    check(answered < len(ids), f"{language}: everything was answered before the window was killed")
    lines = program.ends(0)
    check([line.split()[0] for line in lines] == ids, f"{language}: not each item was answered once, in order")
    names = [line.split()[2] for line in lines]
    check(len(set(names)) == len(ids), f"{language}: a declaration was filed twice, or two became one")
    orders = sandbox.orders(prefix)
    check(len(orders) == len(set(orders)) == len(ids), f"{language}: {len(orders)} of {len(ids)} are there")

    def released() -> set[str]:
        told = [line.split() for one in followers for line in one.lines]
        return {name for name, state in told if state.endswith("RELEASED")}

    # Killed in the middle, it goes on where it kept that it was.
    until(lambda: len(released() & set(names)) >= len(ids) // 2, follower, "hears of too little")
    follower.kill()
    followers.append(sandbox.sample(language, "follow", str(store)))
    until(lambda: released() >= set(names), followers[1], f"hears of {len(released() & set(names))} releases")
    print(f"{language}: {len(ids)} filed and released, {answered} were answered when the window was killed")
    followers[1].process.kill()


def national(sandbox: Sandbox, language: str) -> None:
    """A national message is sent, answered at once, and its receipts are followed; sent by the next one it is a repetition."""
    program = {"Python": [sys.executable, "ceb.py"], "TypeScript": ["node", "ceb.mjs"]}.get(language)
    if program is None:
        return
    message = str(ROOT / "docs/examples/ceb/ceb311.xml")
    command = [program[0], str(ROOT / "tests/sdks" / program[1]), message, "DXPENT0000000004"]
    sample = Program(*command, data=sandbox.data)
    sandbox.started.append(sample)
    lines = [line.split() for line in sample.ends(0)]
    check(lines[0] == ["broken", "0", "True" if language == "Python" else "true"], f"{language}: {lines}")
    check(lines[1][:2] == ["sent", "311"] and len(lines[1]) > 2, f"{language}: {lines}")
    told = [line for line in lines if line[0] == "receipt"]
    check([line[3] for line in told] == lines[1][2:], f"{language}: {lines}")
    check({line[2] for line in told} == {"312"}, f"{language}: {lines}")
    check(lines[-1] == ["resume", told[-1][1]], f"{language}: {lines}")
    print(f"{language}: a national message and its receipts {[line[3] for line in told]}")


def over_http(sandbox: Sandbox, program: str, file: str) -> None:
    command = [*program.split(), str(ROOT / "docs/examples/http" / file)]
    if shutil.which(command[0]) is None:
        print(f"{file}: skipped, there is no {command[0]}")
        return
    sample = Program(*command, str(ROOT / "docs/examples/import-9610.json"), data=sandbox.data)
    sandbox.started.append(sample)
    lines = sample.ends(0)
    check("declarations/" in "".join(lines) and "RELEASED" in lines[-1], f"{file}: {lines}")
    print(f"{file}: released")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="sw-sdks.") as name:
        directory = Path(name)
        directory.chmod(0o755)
        sandbox = Sandbox(directory)
        try:
            sandbox.run("agency", "quarantine")
            for language in SAMPLES:
                basic(sandbox, language)
                refused(sandbox, language, directory)
            sandbox.run("agency", "customs")
            for language in SAMPLES:
                many_and_follow(sandbox, language, directory)
            for language in SAMPLES:
                national(sandbox, language)
            for program, file in HTTP.items():
                over_http(sandbox, program, file)
        finally:
            sandbox.end()


if __name__ == "__main__":
    main()
