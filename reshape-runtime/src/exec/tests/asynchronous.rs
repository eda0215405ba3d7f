//! Features `tokio` and `tracing`.

use crate::report::Outcome;

use super::Fixture;

#[cfg(feature = "tokio")]
#[test]
fn commands_are_futures_that_leave_the_thread_to_others() {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    let mut fixture = Fixture::new();
    let migrator = fixture.migrator().into_async();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut start = pin!(migrator.start());
        // One look is not enough: the work is somewhere else, and this thread is free meanwhile.
        let first = poll_fn(|context| Poll::Ready(start.as_mut().poll(context))).await;
        assert!(first.is_pending());
        assert_eq!(start.await.unwrap().outcome, Outcome::Started);
    });
    fixture.assert_both();
    runtime.block_on(async {
        // Dropped, not cancelled: the next command waits for it.
        let mut dropped = Box::pin(migrator.complete());
        poll_fn(|context| Poll::Ready(dropped.as_mut().poll(context).is_pending())).await;
        drop(dropped);
        assert_eq!(migrator.abort().await.unwrap().outcome, Outcome::Nothing);
    });
    fixture.assert_new();
}

#[cfg(feature = "tokio")]
#[test]
fn a_panic_of_an_observer_is_the_callers() {
    let fixture = Fixture::new();
    let observer = |_: &crate::Event| panic!("no more");
    let migrator = fixture.migrator().observer(observer).into_async();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let panic =
        runtime.block_on(async { tokio::spawn(async move { migrator.start().await }).await });
    assert_eq!(*panic.unwrap_err().into_panic().downcast::<&str>().unwrap(), "no more");
}

#[cfg(feature = "tracing")]
#[test]
fn events_reach_the_callers_subscriber_and_span() {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let fixture = Fixture::new();
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let outcome = tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("boot", release = 7).in_scope(|| fixture.migrator().start())
    });
    assert_eq!(outcome.unwrap().outcome, Outcome::Started);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let done = log.lines().filter(|line| line.contains("step done")).collect::<Vec<_>>();
    assert!(done.len() > 1, "{log}");
    assert!(
        done.iter().all(|line| line.contains("INFO boot{release=7}: reshape_runtime::")),
        "{log}"
    );
    assert!(done[0].contains("phase=\"expand\""), "{log}");
}
