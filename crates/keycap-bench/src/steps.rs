//! Counting instructions one by one: another process runs the case and is stopped after each of them.
//!
//! Exact, and with all that the real processor can do, such as its instructions for SHA-256. Only the
//! thread that makes the requests is counted; the others run as they do. Linux only.
//!
//! Who is watched raises a signal as a mark before and after what counts. What a mark itself costs is
//! found by two marks with nothing between them.

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{count, marked};
#[cfg(target_os = "linux")]
pub(crate) use linux::{count, marked};

#[cfg(target_os = "linux")]
mod linux {
    use std::env;
    use std::process::{Child, Command};

    use nix::sched::{CpuSet, sched_setaffinity};
    use nix::sys::ptrace;
    use nix::sys::signal::{Signal, raise};
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::Pid;

    const MARK: Signal = Signal::SIGUSR1;

    /// Instructions of each piece of work that this program marks when it is run with `arguments`.
    ///
    /// # Panics
    /// When that program does not come to its end.
    pub(crate) fn count(arguments: &[&str]) -> Vec<u64> {
        stay_on_one_processor();
        let program = env::current_exe().expect("this program has a path");
        let mut child = Command::new(program).args(arguments).spawn().expect("starts");
        let spans = spans_of(&child);
        // That it has ended is known already, so that there is nothing left to wait for.
        let _ = child.wait();
        let (empty, spans) = spans.split_first().expect("marks");
        spans.iter().map(|span| span.saturating_sub(*empty)).collect()
    }

    /// Does `work` so many times, each between two marks, and before each of them something that is not
    /// counted. Only for a program that is watched.
    pub(crate) fn marked(times: usize, mut before: impl FnMut(), mut work: impl FnMut()) {
        ptrace::traceme().expect("is watched");
        between_marks(&mut || {});
        for _ in 0..times {
            before();
            between_marks(&mut work);
        }
    }

    #[inline(never)]
    fn between_marks(work: &mut dyn FnMut()) {
        raise(MARK).expect("raises");
        work();
        raise(MARK).expect("raises");
    }

    /// Two processes that take turns do so faster on one processor.
    fn stay_on_one_processor() {
        let mut one = CpuSet::new();
        one.set(0).expect("a processor");
        sched_setaffinity(Pid::from_raw(0), &one).expect("stays");
    }

    /// How many instructions lie between the first and the second mark, the third and the fourth, ….
    fn spans_of(child: &Child) -> Vec<u64> {
        let pid = Pid::from_raw(child.id().cast_signed());
        let (mut spans, mut inside, mut steps) = (Vec::new(), false, 0);
        loop {
            let pass_on = match waitpid(pid, None).expect("is told") {
                WaitStatus::Stopped(_, MARK) => {
                    if inside {
                        spans.push(steps);
                    }
                    (inside, steps) = (!inside, 0);
                    None
                }
                WaitStatus::Stopped(_, Signal::SIGTRAP) => {
                    steps += 1;
                    None
                }
                WaitStatus::Stopped(_, other) => Some(other),
                WaitStatus::Exited(_, 0) => return spans,
                other => panic!("it ended with {other:?}"),
            };
            match inside {
                true => ptrace::step(pid, pass_on),
                false => ptrace::cont(pid, pass_on),
            }
            .expect("goes on");
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    pub(crate) fn count(_arguments: &[&str]) -> Vec<u64> {
        panic!("instructions are counted on Linux only")
    }

    pub(crate) fn marked(_times: usize, _before: impl FnMut(), _work: impl FnMut()) {
        panic!("instructions are counted on Linux only")
    }
}
