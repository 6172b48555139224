//! Which applications are meant, of all that somebody may see.

use push_message::{ApplicationId, PushApplicationId, Refusal};

use crate::{RegistrationId, RegistrationRecord, Selector, admission};

/// A [`Selector`] whose words were understood.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    push_application_id: Option<PushApplicationId>,
    application_id: Option<ApplicationId>,
    /// It takes them on behalf of the event handler of this registration.
    pub(crate) handler_of: Option<RegistrationId>,
}

impl Selection {
    /// Parses what an application wrote.
    ///
    /// # Errors
    /// `invalidRequest` on the option that is none.
    pub fn parse(selector: &Selector) -> Result<Self, Refusal> {
        let push_application_id = selector.push_application_id.as_deref();
        Ok(Self {
            push_application_id: push_application_id
                .map(admission::push_application_id)
                .transpose()?,
            application_id: admission::application_id(selector.application_id.as_deref())?,
            handler_of: selector.handler_of.as_ref().map(|of| of.registration),
        })
    }

    /// Whether a registration is meant.
    pub fn fits(&self, record: &RegistrationRecord) -> bool {
        self.handler_of.is_none_or(|id| id == record.id)
            && self.fits_id(Some(&record.push_application_id))
            && (self.application_id.is_none() || self.application_id == record.application_id)
    }

    /// Whether pushes to this application are meant, whoever takes them; to none: whether any are.
    pub fn fits_pushes_to(&self, application: Option<&PushApplicationId>) -> bool {
        self.application_id.is_none() && self.fits_id(application)
    }

    /// Whether everything is meant.
    pub const fn is_any(&self) -> bool {
        self.push_application_id.is_none()
            && self.application_id.is_none()
            && self.handler_of.is_none()
    }

    fn fits_id(&self, application: Option<&PushApplicationId>) -> bool {
        let id = self.push_application_id.as_ref();
        id.is_none_or(|id| application == Some(id))
    }
}
