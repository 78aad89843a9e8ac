import type { EngineName, WriterConfig, WriterReport } from "../../cluster/processes/protocol.js";
import type { ClusterGroupStatus, JournalStatus } from "../../../src/index.js";

/** What a process is started with. */
export interface GroupNodeConfig {
  readonly node: string;
  readonly engine: EngineName;
  readonly address: { readonly host: string; readonly port: number };
  readonly partitions: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  readonly leaseTime: number;
  /** The file that the group keeps its books in. */
  readonly books: string;
  readonly writer: WriterConfig;
}

export interface GroupNodeStatus {
  readonly journal: JournalStatus;
  readonly written: number;
}

/** The commands of a process. */
export interface GroupNodeApi {
  status(): GroupNodeStatus;
  group(): Promise<ClusterGroupStatus[]>;
  /** Writes so many events a second, until `rest`. */
  write(rate: number): void;
  rest(): void;
  report(): WriterReport;
  /** Ends in order. */
  stop(): Promise<void>;
}
