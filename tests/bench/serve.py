"""Load on `pyt-diff serve`: clients that publish and ask, then kill -9; latency, errors, losses."""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from server import Server

PROCESSES = 2  # of clients; each has its share of the connections as threads


def nodes_of(client, request, count):
    return [f"{client:08x}{request:08x}{i:016x}" for i in range(count)]


def key_of(client, request):
    return f"{client:032x}{request:032x}"


def client(server, token, number, plan, out):
    """Publishes, asks for what it published before, and notes what was acknowledged."""
    connection = server.connect()
    rng = random.Random(number)
    for request in range(plan["requests"]):
        nodes = nodes_of(number, request, plan["batch"])
        started = time.perf_counter()
        try:
            status, _ = server.publish(
                token, {key_of(number, request): nodes}, connection=connection
            )
        except Exception as problem:
            out["cut"] += 1
            if not plan["killed"]:
                out["errors"].append(repr(problem))
            return
        out["publish"].append(time.perf_counter() - started)
        if status != 200:
            out["errors"].append(f"publish: {status}")
            continue
        out["told"].append(request)
        before = rng.choice(out["told"])
        started = time.perf_counter()
        try:
            answer = server.passed(token, [key_of(number, before)], connection=connection)
        except Exception as problem:
            out["cut"] += 1
            if not plan["killed"]:
                out["errors"].append(repr(problem))
            return
        out["query"].append(time.perf_counter() - started)
        if answer != [sorted(nodes_of(number, before, plan["batch"]))]:
            out["errors"].append(f"asked for {before}: {str(answer)[:100]}")


def work(server, token, numbers, plan, answers):
    outs = {n: {"publish": [], "query": [], "told": [], "errors": [], "cut": 0} for n in numbers}
    threads = [
        threading.Thread(target=client, args=(server, token, n, plan, outs[n])) for n in numbers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.put(outs)


def load(server, token, plan, clients, kill_after=None):
    answers = multiprocessing.Queue()
    shares = [list(range(clients))[i::PROCESSES] for i in range(PROCESSES)]
    plain = Server(server.database)
    plain.port = server.port
    workers = [
        multiprocessing.Process(target=work, args=(plain, token, share, plan, answers))
        for share in shares
    ]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    if kill_after:
        time.sleep(kill_after)
        server.stop(signal.SIGKILL)
    outs = {}
    for _ in workers:
        outs.update(answers.get())
    for worker in workers:
        worker.join()
    return outs, time.perf_counter() - started


def gather(outs, name):
    return sorted(value for out in outs.values() for value in out[name])


def percentiles(values):
    def at(share):
        return round(values[min(len(values) - 1, int(len(values) * share))] * 1000, 1)

    if not values:
        return {}
    return {"count": len(values), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1)}


def lost(server, token, plan, outs):
    """Passes that were acknowledged and are not there."""
    missing = 0
    for number, out in outs.items():
        connection = server.connect()
        for request in out["told"]:
            stored = server.passed(token, [key_of(number, request)], connection=connection)
            missing += stored != [sorted(nodes_of(number, request, plan["batch"]))]
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--records", type=int, default=100000)
    parser.add_argument("--batch", type=int, default=50, help="passes in one publication")
    parser.add_argument("--kills", type=int, default=3)
    args = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "passes.db"
        options = ("--max-rate", "1000000", "--max-clients", str(args.clients + 16))
        server = Server(database, *options)
        token = server.token("bench")
        plan = {
            "requests": -(-args.records // (args.clients * args.batch)),
            "batch": args.batch,
            "killed": False,
        }
        server.start()
        outs, seconds = load(server, token, plan, args.clients)
        errors = gather(outs, "errors")
        report = {
            "processors": os.cpu_count(),
            "clients": args.clients,
            "records": len(gather(outs, "told")) * args.batch,
            "seconds": round(seconds, 2),
            "publish": percentiles(gather(outs, "publish")),
            "query": percentiles(gather(outs, "query")),
            "errors": len(errors),
            "lost": lost(server, token, plan, outs),
            "exit": server.stop(),
            "bytes": database.stat().st_size,
        }
        print(json.dumps(report))
        failed = bool(errors or report["lost"] or report["exit"])
        for line in errors[:5]:
            print(line, file=sys.stderr)
        plan = {"requests": 10000, "batch": 5, "killed": True}
        for i in range(args.kills):
            server = Server(Path(folder) / f"killed-{i}.db", *options)
            token = server.token("bench")
            server.start()
            outs, _ = load(server, token, plan, args.clients, kill_after=1 + i)
            server.start()
            report = {
                "killed_after_s": 1 + i,
                "acknowledged": len(gather(outs, "told")),
                "cut_off": sum(out["cut"] for out in outs.values()),
                "errors": len(gather(outs, "errors")),
                "lost": lost(server, token, plan, outs),
                "exit": server.stop(),
            }
            print(json.dumps(report))
            failed = failed or bool(report["errors"] or report["lost"] or report["exit"])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
