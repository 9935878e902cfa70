#!/usr/bin/env python3
"""Writes model.lock, trainer.lock, app-compose.json and its hash beside this script, and those of a command in command/.

An implementation of docs/formats/recipe.md (RCP-060 to RCP-075) and docs/formats/command.md (CMD-006) that shares nothing with ours:
Python's own json and hashlib. The golden holds no number that RFC 8785 and Python write differently,
and its member names are ASCII, so sort_keys is RFC 8785's order.
"""
import hashlib
import json
import pathlib

HERE = pathlib.Path(__file__).parent


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


model_lock = {
    "kind": "sealwright/model-lock/v1",
    "files": [
        {"name": name, "size": size, "sha256": digest(name)}
        for name, size in [
            ("config.json", 705),
            ("generation_config.json", 132),
            ("model.safetensors", 269060552),
            ("tokenizer.json", 2104556),
            ("tokenizer_config.json", 3764),
        ]
    ],
}
trainer_lock = {
    "kind": "sealwright/trainer-lock/v1",
    "profiles": ["bf16-dp", "fp32-ref"],
    "worker": digest("a worker"),
}
command_lock = {
    "kind": "sealwright/command-lock/v1",
    "files": [
        {"name": name, "size": size, "sha256": digest(name)}
        for name, size in [("/app/requirements.lock", 48211), ("/app/train.py", 1714)]
    ],
    "tree": {"bytes": 5368709120, "entries": 31415, "sha256": digest("a tree")},
    "worker": digest("a worker"),
}


def compose(name, recipe, lock):
    mounts = """    cap_add: [SYS_ADMIN, SYS_PTRACE]
    security_opt: ["seccomp=unconfined", "apparmor=unconfined"]
"""
    return {
        "manifest_version": 2,
        "name": name,
        "runner": "docker-compose",
        "docker_compose_file": f"""services:
  sealwright:
    image: sealwright@sha256:{lock["worker"]}
    command: ["run", "/dstack/app-compose.json"]
    read_only: true
{mounts if "tree" in lock else ""}    restart: "no"
    volumes:
      - /dstack/app-compose.json:/dstack/app-compose.json:ro
      - /var/run/dstack.sock:/var/run/dstack.sock
      - run:/run/sealwright
volumes:
  run:
""",
        "kms_enabled": False,
        "gateway_enabled": False,
        "local_key_provider_enabled": False,
        "public_logs": False,
        "public_sysinfo": False,
        "public_tcbinfo": False,
        "no_instance_id": False,
        "secure_time": True,
        "allowed_envs": [],
        "sealwright": {
            "version": 1,
            "recipe": recipe,
            "model_lock": model_lock,
            "trainer_lock": lock,
        },
    }


def write(folder, name, lock):
    made = canonical(compose(name, (folder / "recipe.yaml").read_bytes().decode(), lock))
    (folder / "trainer.lock").write_bytes(canonical(lock))
    (folder / "app-compose.json").write_bytes(made)
    (folder / "hash").write_text(hashlib.sha256(made).hexdigest() + "\n")


(HERE / "model.lock").write_bytes(canonical(model_lock))
write(HERE, "three-hospitals", trainer_lock)
write(HERE / "command", "three-hospitals-script", command_lock)
