"""libtorrent (Debian: python3-libtorrent) as a seeder, a leecher or a mere DHT node; prints one JSON object a line.

--torrent is a .torrent file or, to leech, a magnet link.
seed:  {"event": "listening", "port"} once it seeds, then {"event": "checked"} with --check.
leech: {"event": "listening", "port"}, then {"event": "complete", "seconds", "bytes"} and ends with status 0.
       With --stay it goes on uploading, tells {"event": "have", "seconds", "pieces", "missing"} whenever that changes
       (the first 99 that are missing), and SIGTERM ends it with {"event": "left", "uploaded"} once everything is on the disk.
node:  {"event": "listening", "port"}; takes part in the DHT and nothing else.
With --dht, {"event": "bootstrapped"} follows once it knows somebody there, and {"event": "peers", "count"} for each reply
that names peers of its torrent.
"""

import argparse
import json
import signal
import sys
import time

import libtorrent as lt


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def session(args):
    seeding = args.mode == "seed"
    settings = lt.high_performance_seed() if seeding else {}
    settings.update({
        "listen_interfaces": f"{args.host}:{args.port}",
        "enable_dht": args.dht is not None,
        # all of a test's nodes may be on one address, and on one network they are for sure
        "dht_bootstrap_nodes": ",".join(args.dht or []),
        "dht_restrict_routing_ips": False,
        "dht_restrict_search_ips": False,
        "dht_block_ratelimit": 1000,
        # its first announce may come before it knows anybody
        "dht_announce_interval": 3,
        "enable_lsd": args.lsd,
        "enable_upnp": False,
        "enable_natpmp": False,
        "enable_outgoing_utp": False,
        "enable_incoming_utp": False,
        "allow_multiple_connections_per_ip": True,
        # the local trackers and peers of a test are what these would refuse
        "ssrf_mitigation": False,
        "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification
        | lt.alert.category_t.peer_notification | lt.alert.category_t.connect_notification
        | lt.alert.category_t.dht_notification,
    })
    if args.plain:
        settings.update({"out_enc_policy": int(lt.enc_policy.disabled), "in_enc_policy": int(lt.enc_policy.disabled)})
    if seeding:
        settings.update({"unchoke_slots_limit": -1, "upload_rate_limit": 0})
    return lt.session(settings)


def tell(ses, args):
    """Takes the alerts, tells of those that all modes have in common, and gives them all."""
    alerts = ses.pop_alerts()
    for alert in alerts:
        if args.verbose or alert.category() & lt.alert.category_t.error_notification:
            print(type(alert).__name__, alert.message(), file=sys.stderr, flush=True)
        if isinstance(alert, lt.dht_bootstrap_alert):
            say("bootstrapped")
        if isinstance(alert, lt.dht_reply_alert):
            say("peers", count=alert.num_peers)
    return alerts


def tell_nothing_else(ses, args):
    while True:
        ses.wait_for_alert(1000)
        tell(ses, args)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["seed", "leech", "node"])
    parser.add_argument("--torrent", help="a .torrent file or a magnet link; not for a node")
    parser.add_argument("--dir")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--peer", action="append", default=[])
    parser.add_argument("--check", action="store_true", help="hash the data before seeding it")
    parser.add_argument("--stay", action="store_true", help="go on uploading when the download is complete")
    parser.add_argument("--dht", nargs="*", metavar="HOST:PORT", help="take part in the DHT, beginning with these nodes")
    parser.add_argument("--lsd", action="store_true", help="find peers on the local network")
    parser.add_argument("--plain", action="store_true", help="connect without trying encryption first")
    parser.add_argument("--verbose", action="store_true", help="every alert, on stderr")
    args = parser.parse_args()

    is_leaving = False

    def leave(*_):
        nonlocal is_leaving
        is_leaving = True

    if args.stay:
        signal.signal(signal.SIGTERM, leave)

    ses = session(args)
    for node in args.dht or []:
        host, port = node.rsplit(":", 1)
        # those that it bootstraps from get no place in its table
        ses.add_dht_node((host, int(port)))
    if args.mode == "node":
        say("listening", port=ses.listen_port())
        tell_nothing_else(ses, args)
    if args.torrent.startswith("magnet:"):
        params = lt.parse_magnet_uri(args.torrent)
    else:
        params = lt.add_torrent_params()
        params.ti = lt.torrent_info(args.torrent)
    params.save_path = args.dir
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    if args.mode == "seed" and not args.check:
        params.flags |= lt.torrent_flags.seed_mode
    started = time.monotonic()
    handle = ses.add_torrent(params)

    say("listening", port=ses.listen_port())
    for peer in args.peer:
        host, port = peer.rsplit(":", 1)
        handle.connect_peer((host, int(port)))

    pieces = 0
    while not is_leaving:
        ses.wait_for_alert(100 if args.stay else 1000)
        if args.stay and handle.status().num_pieces != pieces:
            status = handle.status()
            pieces = status.num_pieces
            missing = [index for index, has in enumerate(status.pieces) if not has]
            say("have", seconds=time.monotonic() - started, pieces=pieces, missing=missing[:99])
        for alert in tell(ses, args):
            if isinstance(alert, lt.peer_ban_alert):
                say("banned", peer="%s:%d" % alert.endpoint)
            if isinstance(alert, lt.peer_connect_alert):
                say("connected", peer="%s:%d" % alert.endpoint)
            if isinstance(alert, lt.torrent_finished_alert):
                if args.mode == "seed":
                    say("checked")
                    continue
                say("complete", seconds=time.monotonic() - started, bytes=handle.status().total_wanted_done)
                if not args.stay:
                    return

    uploaded = handle.status().total_payload_upload
    # ends when its disk threads have
    del handle, ses
    say("left", uploaded=uploaded)


main()
