"""dvc.lock: by which hashes DVC knows a stage and what it wrote."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Locked:
    """Output path -> (hash of the output, hash of the stage: command, inputs, parameters)."""

    outputs: dict[str, tuple[str, str]]

    @classmethod
    def read(cls, root: Path = Path()) -> Locked:
        """Read dvc.lock; one that is not there names nothing."""
        path = root / "dvc.lock"
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        found = yaml.load(path.read_text(), Loader=loader) if path.exists() else {}
        outputs = {}
        for entry in (found.get("stages") or {}).values():
            stage = _stage(entry)
            for out in entry.get("outs", []):
                outputs[out["path"]] = (str(out.get("md5", "")), stage)
        return cls(outputs)

    def tags(self, path: str) -> dict[str, str]:
        """Tags of the run that wrote `path`."""
        if path not in self.outputs:
            return {}
        output, stage = self.outputs[path]
        return {"dvc_output": path, "dvc_output_md5": output, "dvc_stage_hash": stage}


def _stage(entry: dict[str, Any]) -> str:
    """The hash of all that a stage's result depends on."""
    parts = {name: entry.get(name) for name in ("cmd", "deps", "params")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
