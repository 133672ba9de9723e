//! A bounded map that forgets what was not asked for lately.

use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxBuildHasher, FxHashMap};

const SHARDS: usize = 16;

/// Two generations a shard: when the young one is full it becomes the old one, and what is asked for moves back to the
/// young. So an entry lives for at least one generation after its last use, and every operation takes the same time.
pub(crate) struct Cache<K, V> {
    shards: Box<[Mutex<Generations<K, V>>]>,
    generation_max: usize,
}

struct Generations<K, V> {
    young: FxHashMap<K, V>,
    old: FxHashMap<K, V>,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        let shard = || Mutex::new(Generations { young: FxHashMap::default(), old: FxHashMap::default() });
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), generation_max: (entries_max / SHARDS / 2).max(1) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V>
    where
        K: Clone,
    {
        let mut shard = self.shard(key);
        if let Some(value) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = shard.old.remove_entry(key)?;
        shard.put(key, value.clone(), self.generation_max);
        Some(value)
    }

    pub(crate) fn put(&self, key: K, value: V) {
        let mut shard = self.shard(&key);
        shard.old.remove(&key);
        shard.put(key, value, self.generation_max);
    }

    /// Puts `value` unless `is_newer` says that the one there is.
    pub(crate) fn put_unless(&self, key: K, value: V, is_newer: impl Fn(&V) -> bool) {
        let mut shard = self.shard(&key);
        let there = shard.young.get(&key).or_else(|| shard.old.get(&key));
        if !there.is_some_and(is_newer) {
            shard.old.remove(&key);
            shard.put(key, value, self.generation_max);
        }
    }

    pub(crate) fn remove(&self, key: &K) {
        let mut shard = self.shard(key);
        shard.young.remove(key);
        shard.old.remove(key);
    }

    fn shard(&self, key: &K) -> std::sync::MutexGuard<'_, Generations<K, V>> {
        let shard = FxBuildHasher.hash_one(key) as usize >> 7 & (SHARDS - 1);
        // A panic while the lock was held left at worst an entry out: the map itself is whole.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn put(&mut self, key: K, value: V, generation_max: usize) {
        if self.young.len() >= generation_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_holds_more_than_it_may_and_keeps_what_is_used() {
        let cache = Cache::new(SHARDS * 8);
        cache.put(0, "used".to_owned());
        for number in 1..10_000_u32 {
            cache.put(number, number.to_string());
            assert_eq!(cache.get(&0).as_deref(), Some("used"));
        }
        let held = (0..10_000).filter(|number| cache.get(number).is_some()).count();
        assert!(held <= SHARDS * 8, "{held}");
    }

    #[test]
    fn a_newer_entry_stays() {
        let cache = Cache::new(100);
        cache.put("a", 2);
        cache.put_unless("a", 1, |there| *there > 1);
        assert_eq!(cache.get(&"a"), Some(2));
        cache.put_unless("a", 3, |there| *there > 3);
        assert_eq!(cache.get(&"a"), Some(3));
        cache.remove(&"a");
        assert_eq!(cache.get(&"a"), None);
    }
}
