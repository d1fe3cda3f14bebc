//! The handler's body, watched to its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use keycap_gate::Course;
use pin_project_lite::pin_project;

use crate::awaited::Awaited;

pin_project! {
    /// Passes a body on and keeps the course of its request until it has ended.
    pub(crate) struct Watched<B>
    where
        B: Body,
    {
        #[pin]
        body: B,
        course: Option<Course>,
        awaited: Awaited,
    }

    impl<B> PinnedDrop for Watched<B>
    where
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(course) = this.course
                && (*this.awaited == Awaited::Nothing || this.body.is_end_stream())
            {
                course.completed();
            }
        }
    }
}

impl<B: Body> Watched<B> {
    pub(crate) fn new(body: B, mut course: Option<Course>, awaited: Awaited) -> Self {
        let ended = course.take_if(|_| body.is_end_stream());
        if let Some(mut ended) = ended {
            ended.completed();
        }
        Self { body, course, awaited }
    }
}

impl<B: Body> Body for Watched<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        // Taken out, so that a body that panics takes its course along.
        let Some(mut course) = this.course.take() else { return this.body.poll_frame(context) };
        let polled = course.run(|| this.body.as_mut().poll_frame(context));
        match &polled {
            Poll::Pending => *this.course = Some(course),
            Poll::Ready(None) => course.completed(),
            Poll::Ready(Some(Err(_))) => course.body_failed(),
            Poll::Ready(Some(Ok(frame))) => {
                this.awaited.take(frame);
                match course.run(|| this.body.is_end_stream()) {
                    true => course.completed(),
                    false => *this.course = Some(course),
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
