"""A Ray cluster of two nodes on this machine, held by a process of its own; run as a script.

It prints the address, ends the second node when it reads ``kill``, and goes when its input ends.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from ray._private.utils import get_ray_address_file
from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "memory": 4 << 30, "object_store_memory": 100 << 20}
QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
}


def main():
    # Ray writes its address there, whatever folder it is given, and does not make it.
    Path(get_ray_address_file(None)).parent.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="ray-")  # sockets want a short path
    head = NODE | {"include_dashboard": False, "temp_dir": folder, "_system_config": QUICK}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        second = cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        print(cluster.address, flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                cluster.remove_node(second, allow_graceful=False)
                print("killed", flush=True)
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
