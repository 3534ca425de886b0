/** What the messages of a peer mean while only the info-hash is known. A broken rule ends the connection. */
import * as Bytes from "../../base/Bytes.ts"
import * as Decoder from "../../wire/Decoder.ts"
import * as Encoder from "../../wire/Encoder.ts"
import * as Extended from "../../wire/Extended.ts"
import * as ExtendedIds from "../../wire/ExtendedIds.ts"
import * as Metadata from "../../wire/ExtendedMetadata.ts"
import type * as Message from "../../wire/Message.ts"
import * as PeerId from "../../wire/PeerId.ts"
import * as Candidates from "../Candidates.ts"
import * as Limits from "../Limits.ts"
import * as Patience from "../Patience.ts"
import * as Asking from "./Asking.ts"
import * as Contact from "./Contact.ts"
import * as Contacts from "./Contacts.ts"
import type * as State from "./State.ts"

/** What one peer may say for the torrent to come: a bitfield of all the pieces that there may be, and 4,000 HAVEs. */
const MAX_KEPT_BYTES = 512 * 1024

/** What all of them may, together. */
const MAX_KEPT_BYTES_OVERALL = 16 * 1024 * 1024

/** What another size of the metadata counts, as messages of no use: each may begin a new attempt. */
const CHANGED_SIZE = 100

/** The torrent offers the rest, in a handshake of its own (BEP 10). */
const MESSAGES = ExtendedIds.offer(["ut_metadata"])

/** One socket read: every message in it is taken in before anything is decided. */
export const read = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  bytes: Uint8Array,
  turn: State.Turn,
): void => {
  const items = Decoder.decode(contact.decoder, bytes)
  // A byte now and then is no sign of life: a message has to come to its end.
  if (items.length > 0) contact.lastReceivedAt = turn.now
  for (const item of items) {
    const fault = handle(fetching, contact, item, turn)
    if (fault !== undefined) {
      contact.useless++
      return Contacts.close(fetching, contact, turn, `protocol error: ${fault}`)
    }
    // It is ourselves, or connected already, or its metadata was wrong.
    if (!fetching.contacts.has(contact.conn)) return
  }
}

/** Takes one message in. Returns the rule that it breaks, if it does. */
const handle = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  item: Message.Item,
  turn: State.Turn,
): string | undefined => {
  switch (item._tag) {
    case "Handshake":
      return greeted(fetching, contact, item, turn)
    case "Violation":
      return `${item.reason} (${item.section})`
    case "Fragment":
      return "a block that was not asked for"
    case "Extended":
      if (item.id === ExtendedIds.OURS.ut_metadata) return metadata(fetching, contact, item.payload, turn)
      if (item.id === Extended.HANDSHAKE_ID) {
        const fault = introduced(fetching, contact, item.payload, turn)
        if (fault !== undefined || !fetching.contacts.has(contact.conn)) return fault
      }
      return keep(fetching, contact, item, turn)
    // We have nothing, and have said so to nobody.
    case "Request":
    case "Cancel":
    case "KeepAlive":
    case "Unknown":
      return Patience.strain(contact.patience, turn.now)
    default:
      return keep(fetching, contact, item, turn)
  }
}

const keep = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  item: Message.Item,
  turn: State.Turn,
): undefined => {
  fetching.keptBytes += Contact.keep(contact, item)
  if (contact.keptBytes <= MAX_KEPT_BYTES && fetching.keptBytes <= MAX_KEPT_BYTES_OVERALL) return
  // No fault of its own: it is dialled again, and then says what it has to the torrent itself.
  Contacts.close(fetching, contact, turn, "it says more than is kept before the metadata is there")
}

const greeted = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  handshake: Message.Handshake,
  turn: State.Turn,
): string | undefined => {
  const { candidates, infoHash, local } = fetching
  if (!Bytes.equals(handshake.infoHash, infoHash)) return "it serves another torrent"
  if (Bytes.equals(handshake.peerId, local.peerId)) {
    if (!contact.isIncoming) Candidates.exclude(candidates, contact.address)
    Contacts.close(fetching, contact, turn, "it is ourselves")
    return undefined
  }
  const peerId = Bytes.toLatin1(handshake.peerId)
  for (const other of fetching.contacts.values()) {
    if (other === contact || other.phase !== "ready" || other.peerId !== peerId) continue
    // Where it was dialled is known now, and not to be dialled again while the other connection lasts.
    if (other.listening === undefined) {
      other.listening = contact.listening
      contact.listening = undefined
    }
    Contacts.close(fetching, contact, turn, "it is connected already")
    return undefined
  }
  contact.phase = "ready"
  contact.peerId = peerId
  contact.client = PeerId.clientName(handshake.peerId)
  contact.readyAt = turn.now
  if (handshake.features.extended) {
    const hello = Extended.encodeHandshake({
      messages: MESSAGES,
      clientVersion: local.clientName,
      reqq: Limits.REQQ,
      ...(local.port > 0 ? { listenPort: local.port } : {}),
    })
    Encoder.extended(contact.encoder, Extended.HANDSHAKE_ID, hello)
  }
  const { address, client } = contact
  turn.out.push({ _tag: "Emit", torrent: fetching.id, event: { _tag: "PeerConnected", address, client } })
  return keep(fetching, contact, handshake, turn)
}

/** The extended handshake says whether the peer has the metadata, and how large that is (BEP 9). */
const introduced = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  payload: Bytes.Bytes,
  turn: State.Turn,
): string | undefined => {
  const hello = Extended.decodeHandshake(payload)
  if (!hello.ok) return "an extended handshake that is no dictionary (BEP 10)"
  const { clientVersion, listenPort, messages, metadataSize } = hello.value
  if (clientVersion !== undefined) contact.client = clientVersion
  if (contact.size > 0 && metadataSize !== undefined && metadataSize !== contact.size) {
    const fault = Patience.strain(contact.patience, turn.now, CHANGED_SIZE)
    if (fault !== undefined) return fault
  }
  contact.metadataId = messages.get("ut_metadata") ?? contact.metadataId
  if (metadataSize !== undefined && metadataSize !== contact.size) {
    Contacts.release(fetching, contact)
    const isBelieved = metadataSize <= fetching.maxBytes
    if (!isBelieved) fetching.oversized++
    contact.size = isBelieved ? metadataSize : 0
  }
  if (listenPort === undefined || !contact.isIncoming || contact.listening !== undefined) return undefined
  const address = { host: contact.address.host, port: listenPort }
  // Of this machine's peers, which share one host, a ban says the port.
  if (Candidates.isExcluded(fetching.candidates, address)) {
    Contacts.close(fetching, contact, turn, "it was banned before")
    return undefined
  }
  if (
    !Candidates.add(fetching.candidates, address, "incoming", fetching.rng) ||
    Candidates.isInUse(fetching.candidates, address)
  ) return undefined
  contact.listening = address
  Candidates.connected(fetching.candidates, address)
  return undefined
}

const metadata = (
  fetching: State.Fetching,
  contact: Contact.Contact,
  payload: Bytes.Bytes,
  turn: State.Turn,
): string | undefined => {
  const message = Metadata.decode(payload)
  if (!message.ok) return "metadata exchange that is no such message (BEP 9)"
  switch (message.value._tag) {
    case "Request": {
      const { part } = message.value
      // Who asks without reading the answers gets none.
      if (contact.metadataId > 0 && !contact.isCongested) {
        Encoder.extended(contact.encoder, contact.metadataId, Metadata.reject(part))
      }
      return Patience.strain(contact.patience, turn.now)
    }
    case "Data":
      return Asking.given(fetching, contact, message.value, turn)
    case "Reject":
      return Asking.refused(fetching, contact, message.value.part, turn)
    case "Unknown":
      return Patience.strain(contact.patience, turn.now)
  }
}
