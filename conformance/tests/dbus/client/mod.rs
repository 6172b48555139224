//! `org.pushcai.Client1` of the real daemon, with the policy that is installed, as users on both buses see it.

mod desk;
mod floods;
mod packaged;
mod polkit;
mod refused;
mod told;
