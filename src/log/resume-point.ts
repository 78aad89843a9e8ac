/** Where a reader of one partition is to go on. @internal */
export interface ResumePoint {
  readonly epoch: string;
  /** Offset of the next event in the log of that epoch. */
  readonly offset: number;
  /** Sequence of this node's next own event. */
  readonly sequence: number;
  /** Whether something before it was not given that the log can't tell. */
  readonly incomplete: boolean;
}
