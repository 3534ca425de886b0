/** How a run of the simulator ended: the fields of the command's last line of JSON. Others are kept as they are. */
export interface Outcome {
  readonly seed: number
  readonly digest: string
  /** Leechers that are there to download, and those of them that have everything. */
  readonly peers: number
  readonly completed: number
  readonly virtualSeconds: number
  readonly realSeconds: number
  /** Blocks that were delivered whole. */
  readonly deliveries: number
  readonly deliveriesPerSecond: number
  readonly peakMemoryBytes: number
  /** How many rules were broken. */
  readonly violations: number
  /** Of all, whatever they were. */
  readonly eventsPerSecond?: number | undefined
  /** Nodes that run the client, and those of them of which every message was read. */
  readonly clients?: number | undefined
  readonly clientsWatched?: number | undefined
  /** The command line that does it again. */
  readonly replay?: string
}
