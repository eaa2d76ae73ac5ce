//! The gateway's waiting room: so many calls run at once, the rest wait by
//! priority, and when the room is full the least important one goes first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::domain::Priority;

/// The queue. Cheap to clone.
#[derive(Clone)]
pub(super) struct Queue(Arc<Mutex<Room>>);

/// The right to run one call; dropping it lets the next one in.
pub(super) struct Slot(Queue);

/// The call was dropped because more important ones fill the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dropped;

/// One class of the queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) priority: Priority,
    pub(super) depth: usize,
    pub(super) oldest_age: Duration,
    pub(super) enqueued_total: u64,
    pub(super) dequeued_total: u64,
    pub(super) dropped_total: u64,
}

struct Room {
    free: usize,
    seats: usize,
    /// Most important first, as in [`Priority::ALL`].
    lanes: Vec<Lane>,
}

struct Lane {
    priority: Priority,
    waiting: VecDeque<Waiter>,
    enqueued: u64,
    dequeued: u64,
    dropped: u64,
}

struct Waiter {
    since: Instant,
    wake: oneshot::Sender<Slot>,
}

impl Queue {
    /// A queue that runs `at_once` calls and seats `waiting` more.
    pub(super) fn new(at_once: usize, waiting: usize) -> Queue {
        let lane = |priority: &Priority| Lane {
            priority: *priority,
            waiting: VecDeque::new(),
            enqueued: 0,
            dequeued: 0,
            dropped: 0,
        };
        let lanes = Priority::ALL.iter().map(lane).collect();
        Queue(Arc::new(Mutex::new(Room { free: at_once, seats: waiting, lanes })))
    }

    /// Waits for a slot.
    pub(super) async fn enter(&self, priority: Priority) -> Result<Slot, Dropped> {
        let (wake, woken) = oneshot::channel();
        let refused = {
            let mut room = self.room();
            room.forget_the_gone();
            room.lane(priority).enqueued += 1;
            if room.free > 0 {
                room.free -= 1;
                room.lane(priority).dequeued += 1;
                return Ok(Slot(self.clone()));
            }
            let refused = room.make_a_seat(priority)?;
            let waiter = Waiter { since: Instant::now(), wake };
            room.lane(priority).waiting.push_back(waiter);
            refused
        };
        // Dropping its end of the channel is how a waiter learns that it lost its seat.
        drop(refused);
        woken.await.map_err(|_| Dropped)
    }

    /// How many calls wait, over all classes.
    pub(super) fn depth(&self) -> usize {
        self.room().depth()
    }

    /// The state of every class.
    pub(super) fn samples(&self, now: Instant) -> Vec<Sample> {
        let mut room = self.room();
        room.forget_the_gone();
        let sample = |lane: &Lane| Sample {
            priority: lane.priority,
            depth: lane.waiting.len(),
            oldest_age: lane
                .waiting
                .front()
                .map_or(Duration::ZERO, |first| now.saturating_duration_since(first.since)),
            enqueued_total: lane.enqueued,
            dequeued_total: lane.dequeued,
            dropped_total: lane.dropped,
        };
        room.lanes.iter().map(sample).collect()
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a slot to the most important waiter, or frees it.
    fn pass_on(&self) {
        let next = {
            let mut room = self.room();
            room.forget_the_gone();
            let next = room.next();
            if next.is_none() {
                room.free += 1;
            }
            next
        };
        if let Some(waiter) = next {
            // If it just went away, the slot in the error passes itself on.
            let _ = waiter.wake.send(Slot(self.clone()));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.pass_on();
    }
}

impl Room {
    #[allow(clippy::indexing_slicing, reason = "there is a lane for each priority, in its order")]
    fn lane(&mut self, priority: Priority) -> &mut Lane {
        &mut self.lanes[priority as usize]
    }

    fn depth(&self) -> usize {
        self.lanes.iter().map(|lane| lane.waiting.len()).sum()
    }

    /// Waiters whose caller has hung up leave the queue.
    fn forget_the_gone(&mut self) {
        for lane in &mut self.lanes {
            let before = lane.waiting.len();
            lane.waiting.retain(|waiter| !waiter.wake.is_closed());
            lane.dequeued += (before - lane.waiting.len()) as u64;
        }
    }

    /// Makes sure that there is a seat: an empty one, or that of the newest
    /// waiter of the least important class below `priority`, who is returned.
    fn make_a_seat(&mut self, priority: Priority) -> Result<Option<Waiter>, Dropped> {
        if self.depth() < self.seats {
            return Ok(None);
        }
        for lane in self.lanes.iter_mut().rev().take_while(|lane| lane.priority > priority) {
            if let Some(waiter) = lane.waiting.pop_back() {
                lane.dropped += 1;
                return Ok(Some(waiter));
            }
        }
        self.lane(priority).dropped += 1;
        Err(Dropped)
    }

    fn next(&mut self) -> Option<Waiter> {
        for lane in &mut self.lanes {
            if let Some(waiter) = lane.waiting.pop_front() {
                lane.dequeued += 1;
                return Some(waiter);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Dropped, Queue, Slot};
    use crate::domain::Priority;
    use tokio::task::{JoinHandle, yield_now};

    fn queue_up(queue: &Queue, priority: Priority) -> JoinHandle<Result<Slot, Dropped>> {
        let queue = queue.clone();
        tokio::spawn(async move { queue.enter(priority).await })
    }

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn important_calls_overtake_and_low_ones_are_dropped_first() {
        run(async {
            let queue = Queue::new(1, 2);
            let running = queue.enter(Priority::Normal).await.unwrap();
            let low = queue_up(&queue, Priority::Low);
            let normal = queue_up(&queue, Priority::Normal);
            yield_now().await;
            assert_eq!(queue.depth(), 2);
            let critical = queue_up(&queue, Priority::Critical);
            assert!(matches!(low.await.unwrap(), Err(Dropped)), "low makes room");
            assert!(queue.enter(Priority::Low).await.is_err(), "low can't push anyone out");

            drop(running);
            let first = critical.await.unwrap().unwrap();
            assert!(!normal.is_finished());
            drop(first);
            drop(normal.await.unwrap().unwrap());

            let samples = queue.samples(tokio::time::Instant::now());
            let dropped: Vec<u64> = samples.iter().map(|sample| sample.dropped_total).collect();
            assert_eq!(dropped, [0, 0, 0, 2]);
            for sample in samples {
                let left = sample.dequeued_total + sample.dropped_total;
                assert_eq!((sample.depth, sample.enqueued_total), (0, left), "{sample:?}");
            }
        });
    }

    #[test]
    fn a_waiter_that_hangs_up_costs_no_slot() {
        run(async {
            let queue = Queue::new(1, 5);
            let running = queue.enter(Priority::High).await.unwrap();
            let gone = queue_up(&queue, Priority::High);
            let patient = queue_up(&queue, Priority::Low);
            yield_now().await;
            gone.abort();
            assert!(gone.await.is_err());
            drop(running);
            drop(patient.await.unwrap().unwrap());
            assert!(queue.enter(Priority::Low).await.is_ok());
        });
    }
}
