/** A gate at which callers wait until all of them are there, and the test opens it. */
export interface Gate {
  /** Resolves when the gate is open. */
  arrive(): Promise<void>;
  /** Resolves when everybody waits at the gate. */
  readonly full: Promise<void>;
  open(): void;
}

export function arrivalGate(size: number): Gate {
  const full = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  let arrived = 0;
  return {
    arrive() {
      arrived += 1;
      if (arrived === size) full.resolve();
      return opened.promise;
    },
    full: full.promise,
    open: opened.resolve,
  };
}
