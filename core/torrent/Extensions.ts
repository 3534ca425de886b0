/**
 * The extension protocol (BEP 10) as a torrent speaks it: the handshake both ways, and dispatch of what it introduces.
 * What a message means stands in a file of its own.
 *
 *      ut_metadata    BEP 9     MetadataServing
 *      ut_pex         BEP 11    Pex
 *      upload_only    BEP 21    here
 *      lt_donthave    BEP 54    DontHave
 *      ut_holepunch   BEP 55    Holepunch
 */
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as Encoder from "../wire/Encoder.ts"
import * as Extended from "../wire/Extended.ts"
import * as ExtendedIds from "../wire/ExtendedIds.ts"
import * as UploadOnly from "../wire/ExtendedUploadOnly.ts"
import type * as Message from "../wire/Message.ts"
import * as Candidates from "./Candidates.ts"
import * as Connections from "./Connections.ts"
import * as DontHave from "./DontHave.ts"
import * as ExternalAddress from "./ExternalAddress.ts"
import * as Holepunch from "./Holepunch.ts"
import * as Limits from "./Limits.ts"
import * as MetadataServing from "./MetadataServing.ts"
import * as Patience from "./Patience.ts"
import * as Peer from "./Peer.ts"
import * as Pex from "./Pex.ts"
import * as State from "./State.ts"
import * as Turn from "./Turn.ts"

/** What a torrent takes: in a private one nobody tells of others (BEP 27). */
const offered = (torrent: State.Torrent): ReadonlyMap<string, number> =>
  ExtendedIds.offer([
    "ut_metadata",
    "upload_only",
    "lt_donthave",
    ...(torrent.pex === undefined ? [] : ["ut_pex"] as const),
    ...(Holepunch.isOffered(torrent) ? ["ut_holepunch"] as const : []),
  ])

/** Tells a peer what we can do. */
export const greet = (torrent: State.Torrent, peer: Peer.Peer): void => {
  const yourIp = IpBytes.fromText(peer.address.host)
  const hello = Extended.encodeHandshake({
    messages: offered(torrent),
    clientVersion: torrent.local.clientName,
    reqq: Limits.REQQ,
    metadataSize: torrent.metainfo.infoBytes.length,
    ...(torrent.local.port > 0 ? { listenPort: torrent.local.port } : {}),
    ...(isUploadOnly(torrent) ? { uploadOnly: true } : {}),
    ...(yourIp === undefined ? {} : { yourIp }),
  })
  Encoder.extended(peer.encoder, Extended.HANDSHAKE_ID, hello)
}

/** An EXTENDED message has come. Returns the rule that it breaks, if it does; what we don't know is passed over. */
export const take = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  { id, payload }: Message.Extended,
  turn: State.Turn,
): string | undefined => {
  switch (id) {
    case Extended.HANDSHAKE_ID:
      return greeted(torrent, peer, payload, turn)
    case ExtendedIds.OURS.ut_metadata:
      return MetadataServing.asked(torrent, peer, payload, turn)
    case ExtendedIds.OURS.ut_pex:
      return Pex.take(torrent, peer, payload, turn)
    case ExtendedIds.OURS.lt_donthave:
      return DontHave.take(torrent, peer, payload, turn)
    case ExtendedIds.OURS.ut_holepunch:
      Holepunch.take(torrent, peer, payload, turn)
      return Patience.strain(peer.patience, turn.now)
    case ExtendedIds.OURS.upload_only:
      setUploadOnly(torrent, peer, UploadOnly.decode(payload), turn)
      return Patience.strain(peer.patience, turn.now)
    default:
      return Patience.strain(peer.patience, turn.now)
  }
}

const greeted = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  payload: Bytes,
  turn: State.Turn,
): string | undefined => {
  // It may be said again (BEP 10), but not all the time.
  if (peer.hasIntroduced) {
    const fault = Patience.strain(peer.patience, turn.now, Patience.HANDSHAKE)
    if (fault !== undefined) return fault
  }
  peer.hasIntroduced = true
  const hello = Extended.decodeHandshake(payload)
  if (!hello.ok) return "an extended handshake that is no dictionary (BEP 10)"
  const { clientVersion, listenPort, messages, reqq, uploadOnly, yourIp } = hello.value
  if (reqq !== undefined) peer.reqq = reqq
  if (clientVersion !== undefined) peer.client = clientVersion
  peer.extensions = ExtendedIds.learn(peer.extensions, messages)
  setUploadOnly(torrent, peer, uploadOnly, turn)
  Pex.greeted(torrent, peer, turn)
  if (yourIp !== undefined) ExternalAddress.told(torrent, peer.address.host, yourIp, turn)
  if (listenPort !== undefined) learnPort(torrent, peer, listenPort, turn)
  return undefined
}

/** A peer that came to us says on which port it listens (BEP 10): there it may be dialled, and is the same peer. */
const learnPort = (torrent: State.Torrent, peer: Peer.Peer, port: number, turn: State.Turn): void => {
  if (!peer.isIncoming || peer.listening !== undefined) return
  const address = { host: peer.address.host, port }
  // Of this machine's peers, which share one host, a ban says the port.
  if (Candidates.isExcluded(torrent.candidates, address)) {
    return Connections.close(torrent, peer, turn, "it was banned before")
  }
  if (!Candidates.add(torrent.candidates, address, "incoming", torrent.rng)) return
  if (Candidates.isInUse(torrent.candidates, address)) return
  peer.listening = address
  Candidates.connected(torrent.candidates, address)
  Pex.joined(torrent, peer, turn)
}

/** The peer wants nothing more, or something again (BEP 21). */
const setUploadOnly = (
  torrent: State.Torrent,
  peer: Peer.Peer,
  isUploadOnly: boolean | undefined,
  turn: State.Turn,
): undefined => {
  if (isUploadOnly === undefined || isUploadOnly === peer.isUploadOnly) return
  peer.isUploadOnly = isUploadOnly
  torrent.choking.hasNews = true
  Turn.touch(turn, peer)
}

/** We want nothing more (BEP 21), and don't hide it. */
const isUploadOnly = (torrent: State.Torrent): boolean =>
  State.isComplete(torrent) && torrent.superSeed === undefined

/** Tells everybody who can hear it that we want nothing more (BEP 21). */
export const tellUploadOnly = (torrent: State.Torrent, turn: State.Turn): void => {
  if (!isUploadOnly(torrent)) return
  for (const peer of Peer.ready(torrent.peers)) {
    if (peer.extensions.upload_only === 0) continue
    Encoder.extended(peer.encoder, peer.extensions.upload_only, UploadOnly.encode(true))
    Turn.touch(turn, peer)
  }
}
