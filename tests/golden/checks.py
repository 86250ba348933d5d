"""Counts what held and what did not."""


class Checks:
    def __init__(self):
        self.held = self.failed = 0

    def check(self, condition, what):
        if condition:
            self.held += 1
        else:
            self.failed += 1
            print(f"FAILED: {what}", flush=True)

    def exit_code(self, of=""):
        print(f"{self.held} checks held, {self.failed} failed{of}")
        return 1 if self.failed else 0
