"""What the README of a copy says each of its files holds, in words for the tester who reads it."""

WORDS = {
    "account.emailaddress": "Your e-mail addresses, and whether you have confirmed them.",
    "account.emailconfirmation": "Mails that asked you to confirm an address.",
    "accounts.artifact": "The files we keep for you, and the day each of them is deleted.",
    "accounts.auditevent": (
        "Sign-ins and changes to your account: what happened, when, and from where."
    ),
    "accounts.dataexport": "The copies of your data that you asked for, such as this one.",
    "accounts.ftp": "Your functional threshold power, and the day from which each value holds.",
    "accounts.tokenfamily": "Programs that signed in to your account, when, and from where.",
    "accounts.user": "Your account: your address, your settings, and what you told us of yourself.",
    "accounts.user_groups": "Groups of accounts that yours is in.",
    "accounts.user_user_permissions": "Permissions given to your account alone.",
    "admin.logentry": "What you changed in the operators' pages, if you are one of them.",
    "coach.calendarfeed": "The private address of your calendar: since when, and when last read.",
    "coach.checkin": "How you said you were in the morning, and the time you had.",
    "coach.feedback": "What you said of a workout afterwards: done or not, and how hard.",
    "coach.incident": "Where the coaching or the drafting failed, as the operators see them.",
    "coach.missiondraft": "Your surveys, and what the language model drafted from each.",
    "coach.missionrun": (
        "Each day's coaching: the numbers it was made from, the decision, and your brief."
    ),
    "coach.modelcall": "Each question to the language model: when it was asked, and how it went.",
    "coach.reflection": "What the language model said of each mission that is complete.",
    "coach.tokenuse": "How many tokens of the language model your missions used, by month.",
    "connections.applehealthupload": (
        "Your uploads from Apple Health, and how much was found in each."
    ),
    "connections.connection": "The sources you connected, and how reading them went last.",
    "connections.dailysample": "One number of a day, such as your readiness, from one source.",
    "connections.night": "Your nights of sleep, each under the date of waking up.",
    "connections.providerevent": "What a source told us by itself: that a ride is new, or gone.",
    "connections.ride": "Your rides and other workouts, each under its local date.",
    "connections.ridefile": "The ride files you sent in the last week, and what came of each.",
    "connections.sourceorder": "Which source counts first for what, where you chose it.",
    "connections.syncattempt": "Each time we read one of your sources, and whether it worked.",
    "mfa.authenticator": "Your second factor: of which kind, since when, and when last used.",
    "missions.appeal": "Where you said that a ride was counted in the wrong mode.",
    "missions.bonusaward": "The bonuses you earned, and for how many points.",
    "missions.eventprogress": "The stages you rode: how, for how many points, and on which ride.",
    "missions.mission": "Your missions: the event, your limits, and how its points are counted.",
    "missions.missionedit": "Your changes to the days of a live mission, kept to be undone.",
    "missions.missionmove": "Each step of a mission's life, from preparation to its end.",
    "missions.stage": "The days of each event, as planned.",
    "notifications.notification": "The mails we sent you, with their text; a picture in base64.",
    "notifications.stoppedaddress": (
        "Your addresses that get no more mail: why, since when, and what the mail provider said."
    ),
    "social_django.usersocialauth": "Accounts elsewhere that you connected, and since when.",
    "usersessions.usersession": "Browsers you are signed in with, since when, and from where.",
}
