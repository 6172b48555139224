//! The built programs from outside: Kannel pushes, `pushcaid` takes, `pushcai` asks.

mod durability;
mod floods;
mod hostile;
mod road;
mod stage;
mod submitted;
mod wrong_use;
