// A map that forgets what was put in first when it is full: for answers that can be had again.

/** Sets an entry as the newest, and drops the oldest beyond `max`. */
export function setBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  const [oldest] = map.keys();
  map.delete(oldest as K);
}
