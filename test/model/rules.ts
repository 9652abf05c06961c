// The rules of the settling protocol as switches. The model is checked with all of them on, and with each one off, to see that
// it is needed: a rule that can be left out without a violation is either no rule, or the model is blind to what it is for.

export interface Rules {
  /** R1: what is queued, in flight or settled is not begun again. */
  readonly dedupeUnderWay: boolean;
  /** R2: a new owner reads what was settled before it takes the first dispatch. */
  readonly restore: boolean;
  /** R2: the first copy of a restored attempt writes its consequence again. */
  readonly repeatConsequence: boolean;
  /** R3: below the end seen at assignment, a commit carries the owner's own restore start. */
  readonly inheritRestoreStart: boolean;
  /** R3: beyond it, where the log stood a copy's distance before the watermark; off: where it stands now. */
  readonly markBeforeWatermark: boolean;
  /** R3: nor where somebody else may have settled a record before it was taken, as a gap shows. */
  readonly markPastOthers: boolean;
  /** R4: of several settlements of an attempt the first one counts. Off: each does. */
  readonly firstCounts: boolean;
  /** R4: a settlement and an end of one attempt are two copies of one fact. Off: each has an identity of its own. */
  readonly endIsSettlement: boolean;
  /** R5: a consequence comes from the settlement that stands first; off: from one's own. */
  readonly adopt: boolean;
  /** R5: an append that did not get the expected offset is read up to before anything follows. */
  readonly readGap: boolean;
  /** R5: what was adopted stands even when a copy has written its consequence already. */
  readonly standAfterRepeat: boolean;
  /** R5 for calls: after the start was recorded, what others wrote before it is looked at. */
  readonly checkStart: boolean;
  /** R6: before a late record is judged, the window is read back to when it could first have been settled. */
  readonly extend: boolean;
  /** R6: what was read back includes what this owner forgot of its own. */
  readonly extendOverForgotten: boolean;
  /** R6: what others settled of one's own work under way is never forgotten. */
  readonly keepUnderWay: boolean;
  /** R6: a parked record is judged by when it was parked; off: by when it came back. */
  readonly parkedAt: boolean;
  /** R6: a round is judged by when its replay was planned; off: by when it was written. */
  readonly plannedAt: boolean;
  /** The scheduler knows what it gave back by its place in the tier. Or by attempt and parking; or by those and the moment of the parking. */
  readonly givenBackBy: 'place' | 'parking' | 'moment';
  /** R7: a dropped copy writes nothing. */
  readonly dropWritesNothing: boolean;
  /** Order of effects: the record in `attempts`, then its consequence, then the commit. */
  readonly order: 'record, consequence, commit' | 'consequence, record, commit' | 'commit first';
  /** Convergence writes its trace before the dispatches and reads it back. */
  readonly traceFirst: boolean;
  /** Calls: a start is recorded before the request, and one that was started is not made again. */
  readonly recordStart: boolean;
}

export const allRules: Rules = {
  dedupeUnderWay: true,
  restore: true,
  repeatConsequence: true,
  inheritRestoreStart: true,
  markBeforeWatermark: true,
  markPastOthers: true,
  firstCounts: true,
  endIsSettlement: true,
  adopt: true,
  readGap: true,
  standAfterRepeat: true,
  checkStart: true,
  extend: true,
  extendOverForgotten: true,
  keepUnderWay: true,
  parkedAt: true,
  plannedAt: true,
  givenBackBy: 'place',
  dropWritesNothing: true,
  order: 'record, consequence, commit',
  traceFirst: true,
  recordStart: true,
};

/** How often each thing may go wrong (or be asked for, in the last four) in one run. */
export interface Budget {
  /** kill -9 of the owner of the partition. */
  kill: number;
  /** The owner stalls past the session timeout, another takes over, and the first goes on unaware. */
  stall: number;
  /** The acknowledgement of an append is lost: it is sent again. */
  lostAck: number;
  /** A killed owner's last append lands later, or never. */
  lateAppend: number;
  /** The text beside a commit is lost. */
  wipe: number;
  /** The window forgets what it knows. */
  forget: number;
  convergenceKill: number;
  /** The endpoint that an event matches changes. */
  edit: number;
  schedulerKill: number;
  /** Another scheduler takes over while the first still gives one record back. */
  schedulerStall: number;
  /** A dispatch is put off. */
  park: number;
  /** A dispatch is ended without an attempt. */
  end: number;
  /** An operator replays a dead letter. */
  replay: number;
}

export const noFaults: Budget = {
  kill: 0,
  stall: 0,
  lostAck: 0,
  lateAppend: 0,
  wipe: 0,
  forget: 0,
  convergenceKill: 0,
  edit: 0,
  schedulerKill: 0,
  schedulerStall: 0,
  park: 0,
  end: 0,
  replay: 0,
};

export interface Setup {
  readonly rules: Rules;
  readonly budget: Partial<Budget>;
  /** Events, one dispatch each. */
  readonly events: number;
  /** Attempts until a dispatch is dead. */
  readonly attemptsMax: number;
  /** The events are calls: made once, answered once. */
  readonly calls?: boolean;
  /** Promise 3 counts requests; where a promise of states is looked for, it would hide the longer trace. */
  readonly ignoreRequests?: boolean;
}
