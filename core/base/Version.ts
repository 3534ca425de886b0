/** The version of shoal, as in package.json: in the peer id, to trackers and in the extended handshake. */
export const VERSION = "0.1.0"
