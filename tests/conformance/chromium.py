"""Chromium as the tests of pages drive it: over a pipe, so that Python's own library is enough; and what every page is asked.

For `chromium_shows_the_page.py` and `chromium_shows_the_canary.py`. It refuses to wait without a limit, and to go on after a check
that went wrong. It knows of no page what it should show.
"""
import base64
import fcntl
import json
import os
import select
import subprocess
import sys
import time

# Far beyond what any of them takes: a wait that gets there is a failure.
ANSWER_SECONDS_MAX = 60
CONDITION_SECONDS_MAX = 30
SHUTDOWN_SECONDS_MAX = 10

CONTRAST_MIN = 4.5
DESKTOP, NARROW_PIXELS, WIDE_PIXELS = (1280, 800), 380, 3840
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--&lt;b&gt;${1}"
# Key codes of those keys that have no character.
KEY_CODES = {"Tab": 9, "Enter": 13, "Escape": 27, "PageDown": 34, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40}
SHIFT, CTRL = 8, 2

passed = failed = 0


# Texts whose contrast with what lies behind them is too small, by the formula of WCAG 2.2.
FAINT_TEXTS = """(() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const under = layers => {
        canvas.clearRect(0, 0, 1, 1);
        for (const layer of layers) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = colour => colour.map(value => value / 255).map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
        .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
    const faint = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let looked = 0;
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim(), element = walker.currentNode.parentElement;
        if (!text || !element.checkVisibility() || element.closest('script, noscript, :disabled') || element.getBoundingClientRect().width < 2) continue;
        looked += 1;
        const layers = [];
        for (let one = element; one; one = one.parentElement) layers.unshift(getComputedStyle(one).backgroundColor);
        const colours = [under(layers), under([...layers, getComputedStyle(element).color])].map(luminance).sort((one, other) => one - other);
        const contrast = (colours[1] + 0.05) / (colours[0] + 0.05);
        if (contrast < LEAST) faint.push(`${contrast.toFixed(2)} ${element.getAttribute('class') || element.tagName}: ${text.slice(0, 40)}`);
    }
    return [looked, faint];
})()""".replace("LEAST", str(CONTRAST_MIN))


class Failure(Exception):
    """What was expected did not hold; the rest would tell nothing new."""


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("right" if good else "WRONG", name, "" if good else str(detail)[:1500], flush=True)
    if not good:
        raise Failure


class Chromium:
    """A browser without a window, with one page. Every answer is waited for within a limit; what happens meanwhile is kept."""

    def __init__(self, profile, browser):
        to_read, self.to = os.pipe()
        self.of, to_write = os.pipe()
        # Chromium reads at 3 and writes at 4. Both ends are moved out of the way first: one of them may stand at the other's number.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write)]

        def take_pipes():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
                     f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen([browser, *arguments], preexec_fn=take_pipes, pass_fds=(3, 4), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in (to_read, to_write, *ends):
            os.close(end)
        self.number, self.rest, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters} | ({"sessionId": self.session} if self.session else {})
        self.write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while True:
            answer = self.next_message(deadline, method)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def write(self, data):
        while data:
            data = data[os.write(self.to, data):]

    def next_message(self, deadline, method):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.of], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.of, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError(f"Chromium {'closed the pipe' if ready else 'did not answer'}: {method}")
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(message)
        # A dialog holds the page up, so that nothing after it would be answered.
        if message.get("method") == "Page.javascriptDialogOpening":
            raise RuntimeError(f"a text ran as a script: {message['params']}")
        return message

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, name, condition):
        """Until `condition` holds, asked at every frame."""
        good = self.evaluate(f"""new Promise(resolve => {{
            const until = performance.now() + {CONDITION_SECONDS_MAX * 1000};
            const look = () => {{ const now = ({condition}); if (now || performance.now() > until) resolve(Boolean(now)); else requestAnimationFrame(look); }};
            look();
        }})""")
        check(name, good, f"not within {CONDITION_SECONDS_MAX} s: {condition}")

    def open(self, path, size=DESKTOP, scheme="light"):
        """The page, ready. Events are forgotten."""
        self.call("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events.clear()
        # The load is waited for here, because a script of the page before could answer for this one.
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.next_message(deadline, "Page.navigate"))
        self.wait(f"{path.name} is ready at {size[0]} pixels, {scheme}", "document.documentElement.dataset.ready === 'true'")

    def key(self, key, modifiers=0):
        parameters = {"key": key, "modifiers": modifiers, "windowsVirtualKeyCode": KEY_CODES.get(key, 0)}
        text = "\r" if key == "Enter" else key if len(key) == 1 else None
        self.call("Input.dispatchKeyEvent", type="keyDown", **parameters, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def mouse(self, kind, x, y, **parameters):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **parameters)

    def keep_picture(self, path):
        self.evaluate("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def complaints(self, path):
        """What a page without faults does not do: errors, dialogs, requests other than for itself."""
        self.evaluate("new Promise(resolve => requestAnimationFrame(resolve))")
        found = []
        for event in self.events:
            method, told = event.get("method"), event.get("params", {})
            if method == "Runtime.exceptionThrown":
                found.append(told)
            elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(told["args"])
            elif method == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(told["entry"])
            elif method == "Network.requestWillBeSent" and told["request"]["url"] != path.as_uri():
                found.append(told["request"]["url"])
        return found

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(SHUTDOWN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def judge(main):
    """Runs the checks, counts them, and ends the program."""
    global failed
    try:
        main()
    except Failure:
        pass
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        failed += 1
        print(f"WRONG {error}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
