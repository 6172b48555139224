//! Short messages by SMPP, black box: Kannel writes pushes as short messages, the lab's message centre carries them, and
//! the daemon is bound to it as receiver.

mod road;
mod stage;
