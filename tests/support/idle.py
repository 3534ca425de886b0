"""libtorrent with many torrents that it seeds from one folder: `idle.py DIR TORRENT...` says `ready` once all are checked."""

import sys
import libtorrent as lt

directory, *files = sys.argv[1:]
ses = lt.session({
    "listen_interfaces": "127.0.0.1:0",
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "active_checking": 8,
    "alert_mask": lt.alert.category_t.status_notification,
})
checking = 0
for file in files:
    params = lt.add_torrent_params()
    params.ti = lt.torrent_info(file)
    params.save_path = directory
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    ses.add_torrent(params)
    checking += 1
while True:
    ses.wait_for_alert(1000)
    for alert in ses.pop_alerts():
        if isinstance(alert, lt.torrent_checked_alert):
            checking -= 1
            if checking == 0:
                print("ready", flush=True)
