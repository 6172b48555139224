-- Whether a registration takes copies of pushes beside the application that each is for.
ALTER TABLE registrations ADD COLUMN observes INTEGER NOT NULL DEFAULT 0;
