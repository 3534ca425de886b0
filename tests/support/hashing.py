"""libtorrent as a hasher: `check TORRENT DIR` ends with 0 if all data is right, `create PATH PIECE_BYTES FILE` makes a v1 torrent."""

import os
import sys
import libtorrent as lt


def check(file, directory):
    ses = lt.session({
        "listen_interfaces": "",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_upnp": False,
        "enable_natpmp": False,
        # one for each core, as its documentation advises for hashing
        "hashing_threads": os.cpu_count() or 1,
        "alert_mask": lt.alert.category_t.status_notification | lt.alert.category_t.error_notification,
    })
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(file)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    handle = ses.add_torrent(params)
    while True:
        ses.wait_for_alert(1000)
        for alert in ses.pop_alerts():
            if isinstance(alert, lt.torrent_checked_alert):
                sys.exit(0 if handle.status().is_seeding else 1)
            if isinstance(alert, lt.torrent_error_alert):
                sys.exit(alert.message())


def create(path, piece_bytes, file):
    storage = lt.file_storage()
    lt.add_files(storage, path)
    torrent = lt.create_torrent(storage, piece_size=int(piece_bytes), flags=lt.create_torrent.v1_only)
    lt.set_piece_hashes(torrent, os.path.dirname(path))
    with open(file, "wb") as out:
        out.write(lt.bencode(torrent.generate()))


if sys.argv[1] == "check":
    check(*sys.argv[2:])
else:
    create(*sys.argv[2:])
